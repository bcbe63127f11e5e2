"""Texts in base64: a secret may be in the text that they decode to."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

_RUN = re.compile(r"[A-Za-z0-9+/]{16,65536}")


def decoded_texts(text: str, runs: list[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """The (start, end, decoded text) of each part that is printable text in base64.

    Args:
        text: the text.
        runs: its long runs of characters; see :func:`nbrelease.secrets.runs.long_runs`.
    """
    for run in runs:
        for match in _RUN.finditer(text, *run):
            decoded = decode(match[0])
            if decoded is not None:
                end = match.end()
                yield (
                    match.start(),
                    end + text.startswith("=", end) + text.startswith("==", end),
                    decoded,
                )


def decode(run: str) -> str | None:
    """The decoded text of a base64 text; None if it is not printable text."""
    run = run.rstrip("=")
    if len(run) % 4 == 1:
        return None
    try:
        head = base64.b64decode(run[:12])
        if not head.isascii() or not head.decode().isprintable():
            return None
        text = base64.b64decode(run + "=" * (-len(run) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if all(char.isprintable() or char in "\r\n\t" for char in text) else None
