"""Find ``${{ }}`` in strings; quoted strings inside an expression can contain braces."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines_local.errors import InvalidPipeline
from pipelines_local.yamltree import Scalar

OPEN, CLOSE = "${{", "}}"


@dataclass(frozen=True)
class Part:
    """A part of a string: literal text, or the inside of ``${{ }}``."""

    text: str
    is_expression: bool


def split_parts(scalar: Scalar) -> list[Part]:
    """Split a string into literal text and expressions.

    Raises:
        InvalidPipeline: an expression is not closed.
    """
    text, parts, position = scalar.text, [], 0
    while (start := text.find(OPEN, position)) >= 0:
        if start > position:
            parts.append(Part(text[position:start], False))
        end = _find_close(text, start + len(OPEN))
        if end < 0:
            raise InvalidPipeline(
                "unclosed-expression",
                f"the expression {text[start : start + 40]!r} has no '}}}}'",
                scalar.at,
            )
        parts.append(Part(text[start + len(OPEN) : end].strip(), True))
        position = end + len(CLOSE)
    if position < len(text):
        parts.append(Part(text[position:], False))
    return parts


def only_expression(scalar: Scalar) -> str | None:
    """Return the expression if it is the whole string; None with anything around it."""
    if not scalar.text.startswith(OPEN):
        return None
    parts = split_parts(scalar)
    return parts[0].text if len(parts) == 1 and parts[0].is_expression else None


def _find_close(text: str, position: int) -> int:
    quoted = False
    while position < len(text):
        if text[position] == "'":
            quoted = not quoted
        elif not quoted and text.startswith(CLOSE, position):
            return position
        position += 1
    return -1
