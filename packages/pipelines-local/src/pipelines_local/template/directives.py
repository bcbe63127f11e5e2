"""Directive keys of templates: if, elseif, else, each, insert (in lower case only)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pipelines_local.errors import InvalidPipeline
from pipelines_local.template.text import only_expression
from pipelines_local.yamltree import Scalar

_EACH = re.compile(r"each\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.+)\Z", re.DOTALL)
_DIRECTIVE = re.compile(r"(if|elseif|else|each|insert)(?![A-Za-z0-9_.\[])")
_MISSPELLED = re.compile(r"(?i)(if|elseif|else|each|insert|else\s+if|elif)(?![A-Za-z0-9_.\[])")


@dataclass(frozen=True)
class Directive:
    """A directive with its key; ``variable`` is the loop variable of ``each``."""

    kind: Literal["if", "elseif", "else", "each", "insert"]
    expression: str
    key: Scalar
    variable: str = ""


def parse_directive(key: Scalar) -> Directive | None:
    """Return the directive of a key, or None for an ordinary key.

    Raises:
        InvalidPipeline: the directive has a syntax error.
    """
    inside = only_expression(key)
    if inside is None:
        return None
    match = _DIRECTIVE.match(inside)
    if match is None:
        if misspelled := _MISSPELLED.match(inside):
            word = misspelled[1]
            name = "elseif" if word.lower() in ("elif", "else if") else word.lower()
            raise _syntax_error(f"unknown directive {word!r}; use {name!r}", key)
        return None
    kind, rest = match[1], inside[match.end() :].strip()
    if kind in ("else", "insert"):
        if re.match(r"if\b", rest):
            raise _syntax_error("unknown directive 'else if'; use 'elseif'", key)
        if rest:
            raise _syntax_error(f"{kind!r} does not take an expression", key)
    elif not rest:
        raise _syntax_error(f"{kind!r} needs an expression", key)
    if kind == "each":
        loop = _EACH.match(inside)
        if loop is None:
            raise _syntax_error("use the form ${{ each NAME in COLLECTION }}", key)
        return Directive("each", loop[2].strip(), key, loop[1])
    return Directive(kind, rest, key)  # type: ignore[arg-type]


def _syntax_error(message: str, key: Scalar) -> InvalidPipeline:
    return InvalidPipeline("invalid-directive", message, key.at)
