"""Files of the server: atomic writes, parts of logs, paths that must stay inside of a folder."""

from __future__ import annotations

import codecs
import os
import re
from pathlib import Path

from azureml_local.errors import BadRequest

PRIVATE = 0o600
FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
MAX_NAME_BYTES = 240
"""The maximum length of a file name; names of temporary files are a little longer."""

LOG_BYTES = 200_000
"""How much of a log is read; the beginning of a longer log is left out."""


def write_text(path: Path, text: str, *, mode: int = PRIVATE) -> None:
    """Write UTF-8 text; a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def read_part(path: Path, size: int, start: int | None = None) -> tuple[str, int]:
    """At most ``size`` bytes of a text file, from byte ``start``; without it, the end of the file.

    Returns:
        The text, and the position after it. An incomplete multi-byte character at the end is left
        out: it is read the next time.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size) if start is None else min(start, length))
        text = decoder.decode(file.read(size))
        return text, file.tell() - len(decoder.getstate()[0])


def read_end(path: Path, size: int = LOG_BYTES) -> str:
    """The last ``size`` bytes of a text file, such as a log; empty if it does not exist."""
    return read_part(path, size)[0] if path.is_file() else ""


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
