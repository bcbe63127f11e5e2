"""Atomic writes of the files by which commands find the server."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = 0o600


def write_text(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """Write UTF-8 text; a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
