"""One pattern of a secret: an expression, the words that make it worth trying, and a check.

Only the groups of an expression are masked; the rest stays readable. Each pattern has hints: words
that are in every text it matches. Searching for hints is much faster than matching, and most texts
contain none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nbrelease.secrets.lines import lines_with

EQUALS = r"(?:=|%3[dD]|%253[dD])"
B64 = r"A-Za-z0-9+/"
WORD = r"A-Za-z0-9_-"


@dataclass(frozen=True)
class SecretPattern:
    """The pattern of one kind of secret.

    Attributes:
        kind: the kind of secret, with its article.
        expression: its groups are the secret, one in each match; without groups, the whole match.
        hints: one of them is in the line of every match, in any case; if empty, ``likely`` decides.
        check: whether the text of a match is a secret.
        multiline: whether a match can span several lines.
        likely: whether a text is worth matching; used without hints.
        is_token: whether hint and secret are in one long run of characters of tokens.
    """

    kind: str
    expression: str
    hints: tuple[str, ...]
    check: Callable[[str], bool] = lambda _: True
    multiline: bool = False
    likely: Callable[[str], bool] = lambda _: True
    is_token: bool = False

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        """Compiled when a text has a hint: compiling all of them takes long."""
        return re.compile(self.expression)

    def spans(self, text: str, lower: str) -> Iterator[tuple[int, int]]:
        """The (start, end) of each secret; ``lower`` is the text in lower case."""
        for start, end in self._regions(text, lower):
            for match in self._compiled.finditer(text, start, end):
                group = match.lastgroup or 0
                if match[group] and self.check(match[group]):
                    yield match.span(group)

    def may_match(self, lower: str) -> bool:
        """Whether a text in lower case is worth matching."""
        for hint in self.hints:  # any() with a generator takes twice as long
            if hint in lower:
                return True
        return not self.hints

    def _regions(self, text: str, lower: str) -> list[tuple[int, int]]:
        """The parts of the text that may contain a match."""
        if not self.hints:
            return [(0, len(text))] if self.likely(text) else []
        return [(0, len(text))] if self.multiline else lines_with(lower, self.hints)


def looks_random(text: str) -> bool:
    """Whether letters and digits are mixed as in no word or identifier."""
    return (
        len(text) >= 16
        and any(char.isdigit() for char in text)
        and any(char.isalpha() for char in text)
        and len(set(text)) >= 8
    )


def has_mixed_case(text: str) -> bool:
    """Whether there are digits and both cases, unlike in CSS classes (``sk-toggleable__label``)."""
    return (
        any(char.isdigit() for char in text)
        and any(char.isupper() for char in text)
        and any(char.islower() for char in text)
    )


def has_digit_and_letter(text: str) -> bool:
    """Whether there are digits and letters, unlike in ``glpat-your-token-goes-here``."""
    return any(char.isdigit() for char in text) and any(char.isalpha() for char in text)


def pattern(kind: str, expression: str, *hints: str, **more: Any) -> SecretPattern:
    """A pattern of one kind of secret."""
    return SecretPattern(kind, expression, tuple(hint.lower() for hint in hints), **more)


# Text in place of a secret: a template variable, a word of documentation, a mask.
PLACEHOLDER = re.compile(
    r"^(?:|<.*>|\{.*\}|\[.*\]|(?:\\?\*)+.*|\S*(?:\.{3}|…)\S*|x+|\.+|-+|…|[·•●]+|%\(\w+\)s|"
    r"\$[({].*[)}]|\$\w+|%\w+%|env:\w+[:.]?|&lt;.*&gt;|change[-_ ]?me|your[-_ ].*|none|"
    r"null|todo|true|false|undefined|string|str|bytes|required|optional|default|hidden|redacted|"
    r"masked|password|passwd|secret|token|key|"
    r"postgres|example|apikey|abc123|(?-i:[A-Z]+(?:_[A-Z]+)+)|"
    r"(?:my|the|an?|some|any|insert|enter|add|put|paste)[-_ ]"
    r"(?:[a-z]+[-_ ])*(?:key|token|password|secret|here))$",
    re.IGNORECASE,
)
