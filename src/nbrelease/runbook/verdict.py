"""The state of each cell and of the runbook, computed from the executed notebook alone.

A cell has failed if it has an error output, if the kernel's ``execute_reply`` is not ``ok``, or if
the kernel never replied (killed, timeout). The executed notebook holds the reply in the metadata of
the cell; notebooks of earlier versions have none.

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

METADATA = "nbrelease"
"""The key of our metadata in a cell."""
REPLY = "execute_reply"
"""The kernel's reply in that metadata: ``status``, and ``ename`` and ``evalue`` of an error."""
MISSING = "missing"
"""The status of a reply that never came."""


def state_of(cell: Mapping[str, Any], tags: frozenset[str]) -> tuple[CellState, CellError | None]:
    """State and error of one executed code cell.

    Args:
        cell: the cell of the executed notebook.
        tags: its tags and directives.
    """
    if SKIP in tags:
        return "skipped", None
    reply, error = _reply(cell), _error(cell)
    if reply.get("status") == MISSING:
        return "failed", error
    if error is not None and error.ename == "SystemExit" and error.evalue in ("", "0", "None"):
        error = None  # a clean exit: the cells after it have no execution count
    elif cell.get("execution_count") is None and reply.get("status", "ok") == "ok":
        # A kernel that died in the cell leaves neither an execution count nor an error output.
        died = cell.get("metadata", {}).get("papermill", {}).get("exception") is True
        return ("failed" if died or error else "not run"), error
    if RAISES in tags:
        if error is not None:
            return "passed", None
        return "failed", CellError(ename="DidNotRaise", evalue="expected an exception, got none")
    return ("failed", error) if error is not None else ("passed", None)


def _reply(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The recorded reply of the kernel; empty if none was requested."""
    reply = cell.get("metadata", {}).get(METADATA, {}).get(REPLY, {})
    return reply if isinstance(reply, Mapping) else {}


def _error(cell: Mapping[str, Any]) -> CellError | None:
    """The error output of a cell, else the error in the reply.

    After a missing reply the outputs do not count: stopping the kernel may add a KeyboardInterrupt.
    """
    reply = _reply(cell)
    status = str(reply.get("status", "ok"))
    for output in cell.get("outputs", []) if status != MISSING else []:
        if output["output_type"] == "error":
            return CellError(ename=output["ename"], evalue=output["evalue"])
    if status == "ok":
        return None
    return CellError(ename=str(reply.get("ename", status)), evalue=str(reply.get("evalue", "")))


def overall(states: list[CellState]) -> str:
    """The runbook's verdict: the worst state of its cells; "not run" if no cell ran."""
    for worst in ("failed", "check failed", "not run"):
        if worst in states:
            return worst
    return "passed" if "passed" in states else "not run"
