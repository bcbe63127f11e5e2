"""The state of each cell and of the runbook, computed from the executed notebook alone.

papermill's exit code is not a verdict. It is 1 for a cell that is expected to raise, and 0 for
``sys.exit(0)`` in the middle of a notebook. papermill also records a skipped cell as completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.records import CellError, CellState

# papermill's tags; markers of the same meaning are translated to them.
SKIP = "skip-execution"
RAISES = "raises-exception"


def state_of(cell: Mapping[str, Any], tags: frozenset[str]) -> tuple[CellState, CellError | None]:
    """State and error of one executed code cell.

    Args:
        cell: the cell of the executed notebook.
        tags: its tags and directives.
    """
    error = _error(cell)
    if SKIP in tags:
        return "skipped", None
    if error is not None and error.ename == "SystemExit" and error.evalue in ("", "0", "None"):
        error = None  # a clean exit: the cells after it have no execution count
    elif cell.get("execution_count") is None:
        # A kernel that died in the cell leaves neither an execution count nor an error output.
        died = cell.get("metadata", {}).get("papermill", {}).get("exception") is True
        return ("failed" if died or error else "not run"), error
    if RAISES in tags:
        if error is not None:
            return "passed", None
        return "failed", CellError(ename="DidNotRaise", evalue="expected an exception, got none")
    return ("failed", error) if error is not None else ("passed", None)


def _error(cell: Mapping[str, Any]) -> CellError | None:
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            return CellError(ename=output["ename"], evalue=output["evalue"])
    return None


def overall(states: list[CellState]) -> str:
    """The runbook's verdict: the worst state of its cells; "not run" if no cell ran."""
    for worst in ("failed", "check failed", "not run"):
        if worst in states:
            return worst
    return "passed" if "passed" in states else "not run"
