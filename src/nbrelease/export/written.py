"""The seal of a written file: a digest of its content, so that edits by hand show."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from nbrelease.errors import EditedByHand

MARK = "# nbrelease: sha256 "
LINE = re.compile(rf"^{re.escape(MARK)}(?P<digest>[0-9a-f]{{16}})\n", re.MULTILINE)


def digest(text: str) -> str:
    """The first 16 hexadecimal digits of the text's sha256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def seal(text: str) -> str:
    """The text with its digest as the last line."""
    return f"{text}{MARK}{digest(text)}\n"


def check(path: Path, source: str) -> None:
    """Refuse a file that was edited after it was sealed; a missing one is right.

    Raises:
        EditedByHand: its content is not what its last line says.
    """
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    match = LINE.search(text)
    if match is None or digest(text[: match.start()]) != match["digest"]:
        raise EditedByHand(
            f"{path}: edited by hand since it was exported; carry the edit over to {source} "
            "and delete the file, then export again"
        )
