"""Finds the processes of an owner by the mark in their initial environment.

The guardian imports this module and must start fast, so it imports only the standard library.
``psutil`` is needed only on systems without ``/proc``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

VARIABLE = "CHILD_PROCESSES_OWNERS"
"""Owners from the outermost to the innermost, joined by ``:``."""


def owners(mark: str) -> list[str]:
    """The owners in a mark, outermost first."""
    return [part for part in mark.split(":") if part]


def _mark_of(pid: int) -> str:
    """The mark of process ``pid``; empty if it has none or cannot be read."""
    if sys.platform == "linux":
        try:
            block = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # it has ended, or belongs to another user
            return ""
        prefix = f"{VARIABLE}=".encode()
        for entry in block.split(b"\0"):
            if entry.startswith(prefix):
                return os.fsdecode(entry[len(prefix) :])
        return ""
    import psutil

    try:
        return str(psutil.Process(pid).environ().get(VARIABLE, ""))
    except psutil.Error:
        return ""


def _all_pids() -> list[int]:
    if sys.platform == "linux":
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - faster
    import psutil

    return list(psutil.pids())


def marked(owner: str) -> list[int]:
    """The ids of processes with ``owner`` in their mark, without this process."""
    me = os.getpid()
    return [pid for pid in _all_pids() if pid != me and owner in owners(_mark_of(pid))]


def _signal(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return  # it has ended, or its id belongs to another process now


def end_marked(owner: str, grace: float) -> None:
    """Terminate each process with a mark: SIGTERM, ``grace`` seconds, then SIGKILL.

    They can be in any process group or session. The mark is that of an owner, or of ``spawn``.

    SIGKILL is repeated, because a process may fork between being listed and being killed.
    """
    pids = marked(owner)
    for pid in pids:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while pids and time.monotonic() < deadline:
        time.sleep(0.02)
        pids = marked(owner)
    for _ in range(50):
        if not pids:
            return
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)
        pids = marked(owner)
