"""Atomic writes: a temporary file in the same folder, then a rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path


def _read_umask() -> int:
    """The mode bits that new files do not get; they can be read only by setting them."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once: in another thread, a file that is created meanwhile would be writable by all users.
_UMASK = _read_umask()


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``; a reader sees the old file or the new one, never a part.

    Raises:
        OSError: the file cannot be written; the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(_mode(path))
        Path(name).replace(path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # a write names no file
        raise


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically, with its line endings unchanged."""
    write_bytes(path, content.encode("utf-8"))


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mode(path: Path) -> int:
    """The mode of the file, or the default mode of a new file."""
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return 0o666 & ~_UMASK
