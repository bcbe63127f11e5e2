"""Files of the server: atomic writes, and paths that must stay inside of a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from azureml_local.errors import BadRequest

PRIVATE = 0o600
FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
MAX_NAME_BYTES = 240
"""The maximum length of a file name; names of temporary files are a little longer."""


def write_text(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """Write UTF-8 text; a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def inside(folder: Path, path: str) -> Path:
    """Join ``folder`` and ``path``; the result must be inside ``folder``.

    Raises:
        BadRequest: it is not.
    """
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or FORBIDDEN.search(part) for part in parts):
        raise BadRequest(f"{path!r} is outside of its container", "InvalidUri")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise BadRequest(f"{path!r}: a name is longer than {MAX_NAME_BYTES} bytes", "InvalidUri")
    target = folder.joinpath(*parts)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise BadRequest(f"{path!r} is outside of its container", "InvalidUri")
    return target


def cache_folder() -> Path | None:
    """The user's folder for files that can be made again; None if it cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(base).expanduser() / "azureml-local"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a read-only home folder, or none
        return None
    return folder if os.access(folder, os.W_OK) else None
