"""The file ``server.json`` of a data folder, by which commands find the running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import psutil

FILE = "server.json"
TOLERANCE_SECONDS = 1.0


class ProcessStart(TypedDict):
    """The id and start of a process, by which it is recognized."""

    pid: int
    pid_started: float
    pid_started_after_boot: NotRequired[float]


class ServerFile(ProcessStart):
    """The content of ``server.json``."""

    url: str
    port: int
    started: str
    version: str
    isolation: str
    options: NotRequired[dict[str, object]]
    """The fields of :class:`ServerOptions`; older servers have none."""
    env: dict[str, str]
    """The client environment."""
    studio: str
    """The link to the pages of all workspaces."""


def describe_process() -> ProcessStart:
    """The id and start of this process, by which :func:`read_server_file` recognizes it.

    Linux calculates the start from the current clock: only the time after boot stays the same when
    the clock is set. macOS stores the start, and its time of boot depends on the clock.
    """
    process = psutil.Process()
    started = process.create_time()
    return {
        "pid": process.pid,
        "pid_started": started,
        "pid_started_after_boot": started - psutil.boot_time(),
    }


def read_server_file(data: Path) -> ServerFile | None:
    """The content of ``server.json``; None if no server runs on the data folder."""
    try:
        content: ServerFile = json.loads((data / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    try:
        process = psutil.Process(content["pid"])
        is_server = _has_started_as(process, content)
        # A killed process stays in the process table until its parent has waited for it.
        is_server = is_server and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return content if is_server else None


def _has_started_as(process: psutil.Process, content: ProcessStart) -> bool:
    """Whether the process id was not reused by another process since the file was written."""
    started = process.create_time()
    if abs(started - content["pid_started"]) < TOLERANCE_SECONDS:
        return True
    after_boot = content.get("pid_started_after_boot")
    return (
        after_boot is not None
        and abs(started - psutil.boot_time() - after_boot) < TOLERANCE_SECONDS
    )
