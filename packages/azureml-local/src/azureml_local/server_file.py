"""Whether a server works on a data folder: what ``server.json`` says, if its process lives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil

FILE = "server.json"


def running(data: Path) -> dict[str, Any] | None:
    """What server.json says of the server on a folder; None where none is running."""
    try:
        found: dict[str, Any] = json.loads((data / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    try:
        process = psutil.Process(found["pid"])
        same = abs(process.create_time() - found["pid_started"]) < 1
        # One that was killed stays in the table until its parent has looked.
        same = same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return found if same else None  # the number may be another process's by now
