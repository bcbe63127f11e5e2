"""Cuts an expression into tokens, each with its place, so that a message can point at it."""

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
    """What a token is."""

    LITERAL = "literal"
    NAME = "name"
    DOT = "."
    PUNCTUATION = "punctuation"
    END = "end"


@dataclass(frozen=True)
class Token:
    """A word of an expression; ``at`` counts characters from 1."""

    kind: Kind
    text: str
    at: int
    value: Value = None

    def is_(self, text: str) -> bool:
        """Is it this punctuation mark?"""
        return self.kind in (Kind.PUNCTUATION, Kind.DOT) and self.text == text


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text``, with an ``END`` last.

    Raises:
        ParseError: a character or a literal that cannot stand in an expression.
    """
    position = 0
    dereferences = False  # would a dot here lead to a property, or start a number?
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
        found = _STRING.match(text, position)
        if found is None:
            raise ParseError("the string has no closing quote", at)
        return Token(Kind.LITERAL, found[0], at, found[1].replace("''", "'"))
    if char in "-." or char.isdecimal():
        return _number(text, position)
    found = _NAME.match(text, position)
    if found is not None:
        if found[0].lower() in ("true", "false"):
            return Token(Kind.LITERAL, found[0], at, found[0].lower() == "true")
        return Token(Kind.NAME, found[0], at)
    operator = _OPERATOR.match(text, position)
    if operator is not None:
        hint = "there are no operators: write and(), or(), not(), eq(), ..."
        raise ParseError(f"unexpected symbol {operator[0]!r}; {hint}", at)
    if char == '"':
        raise ParseError("unexpected symbol '\"'; strings stand in single quotes", at)
    raise ParseError(f"unexpected symbol {char!r}", at)


def _number(text: str, position: int) -> Token:
    found = _WORD.match(text, position)
    word = found[0] if found else text[position]
    value = parse_version(word) if word.count(".") > 1 else parse_number(word)
    if value is None:
        raise ParseError(f"unexpected symbol {word!r}", position + 1)
    return Token(Kind.LITERAL, word, position + 1, value)
