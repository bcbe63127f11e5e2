"""Find the lines of a text that contain one of several words.

A substring search is much faster than a regular expression, and most texts contain no such word.
"""

from __future__ import annotations

from collections.abc import Iterable


def lines_with(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """The (start, end) of each line that contains one of the words, in order."""
    lines = set()
    for word in words:
        at = text.find(word)
        while at >= 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            lines.add((text.rfind("\n", 0, at) + 1, end))
            at = text.find(word, end)
    return sorted(lines)
