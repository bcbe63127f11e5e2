"""Split an expression into tokens with their positions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pipelines_local.errors import ParseError
from pipelines_local.expressions.values import Value, parse_number, parse_version

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRING = re.compile(r"'((?:[^']|'')*)'")
_WORD = re.compile(r"[^\s()\[\],']+")
_OPERATOR = re.compile(r"[&|=!<>+/%?:^~-]+")
_PUNCTUATION = "()[],*"


class Kind(Enum):
    """The kind of a token."""

    LITERAL = "literal"
    NAME = "name"
    DOT = "."
    PUNCTUATION = "punctuation"
    END = "end"


@dataclass(frozen=True)
class Token:
    """A token; ``at`` is the position of its first character, counted from 1."""

    kind: Kind
    text: str
    at: int
    value: Value = None

    def is_(self, text: str) -> bool:
        """Whether the token is this punctuation mark."""
        return self.kind in (Kind.PUNCTUATION, Kind.DOT) and self.text == text


def tokenize(text: str) -> Iterator[Token]:
    """Iterate over the tokens of ``text``; the last one is ``END``.

    Raises:
        ParseError: an invalid character or literal.
    """
    position = 0
    dereferences = False  # whether a dot is a property access (else it starts a number)
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = _token(text, position, dereferences)
        yield token
        position += len(token.text)
        dereferences = token.kind is Kind.NAME or token.text in (")", "]", "*")
    yield Token(Kind.END, "", len(text) + 1)


def _token(text: str, position: int, dereferences: bool) -> Token:
    char, at = text[position], position + 1
    if char == "." and dereferences:
        return Token(Kind.DOT, ".", at)
    if char in _PUNCTUATION:
        return Token(Kind.PUNCTUATION, char, at)
    if char == "'":
        match = _STRING.match(text, position)
        if match is None:
            raise ParseError("the string has no closing quote", at)
        return Token(Kind.LITERAL, match[0], at, match[1].replace("''", "'"))
    if char in "-." or char.isdecimal():
        return _number(text, position)
    match = _NAME.match(text, position)
    if match is not None:
        if match[0].lower() in ("true", "false"):
            return Token(Kind.LITERAL, match[0], at, match[0].lower() == "true")
        return Token(Kind.NAME, match[0], at)
    operator = _OPERATOR.match(text, position)
    if operator is not None:
        hint = "operators are not supported: use and(), or(), not(), eq(), ..."
        raise ParseError(f"unexpected symbol {operator[0]!r}; {hint}", at)
    if char == '"':
        raise ParseError("unexpected symbol '\"'; write strings in single quotes", at)
    raise ParseError(f"unexpected symbol {char!r}", at)


def _number(text: str, position: int) -> Token:
    match = _WORD.match(text, position)
    word = match[0] if match else text[position]
    value = parse_version(word) if word.count(".") > 1 else parse_number(word)
    if value is None:
        raise ParseError(f"unexpected symbol {word!r}", position + 1)
    return Token(Kind.LITERAL, word, position + 1, value)
