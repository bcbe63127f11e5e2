"""Where a text is worth a closer look: the lines that hold one of some words.

An expression has to be tried at each character of a text, a word is found by the machine's own
search. Most texts hold none of the words.
"""

from __future__ import annotations

from collections.abc import Iterable


def lines_with(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    """The lines in which one of the words stands: where each begins and ends, in order."""
    found = set()
    for word in words:
        at = text.find(word)
        while at >= 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            found.add((text.rfind("\n", 0, at) + 1, end))
            at = text.find(word, end)
    return sorted(found)
