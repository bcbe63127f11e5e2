"""Finds ``${{ }}`` in a text: quotes inside an expression may hold braces."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines_local.errors import Refused
from pipelines_local.yamltree import Scalar

OPEN, CLOSE = "${{", "}}"


@dataclass(frozen=True)
class Part:
    """A piece of a text: plain, or the inside of ``${{ }}``."""

    text: str
    is_expression: bool


def parts(scalar: Scalar) -> list[Part]:
    """The pieces of a text in their order.

    Raises:
        Refused: an expression has no end.
    """
    text, found, position = scalar.text, [], 0
    while (start := text.find(OPEN, position)) >= 0:
        if start > position:
            found.append(Part(text[position:start], False))
        end = _end(text, start + len(OPEN))
        if end < 0:
            raise Refused(f"the expression {text[start : start + 40]!r} has no '}}}}'", scalar.at)
        found.append(Part(text[start + len(OPEN) : end].strip(), True))
        position = end + len(CLOSE)
    if position < len(text):
        found.append(Part(text[position:], False))
    return found


def only_expression(scalar: Scalar) -> str | None:
    """The inside, when the whole text is one expression; with white space around it is a text."""
    if not scalar.text.startswith(OPEN):
        return None
    found = parts(scalar)
    return found[0].text if len(found) == 1 and found[0].is_expression else None


def _end(text: str, position: int) -> int:
    quoted = False
    while position < len(text):
        if text[position] == "'":
            quoted = not quoted
        elif not quoted and text.startswith(CLOSE, position):
            return position
        position += 1
    return -1
