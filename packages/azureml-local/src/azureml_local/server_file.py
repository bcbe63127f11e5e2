"""The file ``server.json`` of a data folder, by which commands find the running server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil

FILE = "server.json"


def read_server_file(data: Path) -> dict[str, Any] | None:
    """The content of ``server.json``; None if no server runs on the data folder."""
    try:
        content: dict[str, Any] = json.loads((data / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    try:
        process = psutil.Process(content["pid"])
        # The process id may have been reused by another process.
        is_server = abs(process.create_time() - content["pid_started"]) < 1
        # A killed process stays in the process table until its parent has waited for it.
        is_server = is_server and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return content if is_server else None
