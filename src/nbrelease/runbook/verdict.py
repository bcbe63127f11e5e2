"""What became of each cell, read from the executed notebook and from nothing else.

papermill's exit code is no verdict: a cell that is meant to raise makes it 1, ``sys.exit(0)`` in
the middle makes it 0 with the rest never run, and a skipped cell is recorded as completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.records import CellError, CellState

# The words of papermill's engine, which every marker of the same meaning is translated to.
SKIP = "skip-execution"
RAISES = "raises-exception"


def state_of(cell: Mapping[str, Any], tags: frozenset[str]) -> tuple[CellState, CellError | None]:
    """State and error of one executed code cell.

    Args:
        cell: the cell of the executed notebook.
        tags: its tags, directives included.
    """
    error = _error(cell)
    if SKIP in tags:
        return "skipped", None
    if error is not None and error.ename == "SystemExit" and error.evalue in ("", "0", "None"):
        error = None  # a clean exit: what follows was not run, and says so itself
    elif cell.get("execution_count") is None:
        # A kernel that died in the cell leaves neither a count nor an error output.
        died = cell.get("metadata", {}).get("papermill", {}).get("exception") is True
        return ("failed" if died or error else "not run"), error
    if RAISES in tags:
        if error is not None:
            return "passed", None
        return "failed", CellError(ename="DidNotRaise", evalue="the cell was to raise and did not")
    return ("failed", error) if error is not None else ("passed", None)


def _error(cell: Mapping[str, Any]) -> CellError | None:
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            return CellError(ename=output["ename"], evalue=output["evalue"])
    return None


def overall(states: list[CellState]) -> str:
    """The runbook's verdict: the worst state of its cells; one that ran nothing is not run."""
    for worst in ("failed", "check failed", "not run"):
        if worst in states:
            return worst
    return "passed" if "passed" in states else "not run"
