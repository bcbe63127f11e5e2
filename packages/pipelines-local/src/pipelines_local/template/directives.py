"""The keys that change the document's shape: if, elseif, else, each, insert (lower case only)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pipelines_local.errors import Refused
from pipelines_local.template.text import only_expression
from pipelines_local.yamltree import Scalar

_EACH = re.compile(r"each\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.+)\Z", re.DOTALL)
_WORD = re.compile(r"(if|elseif|else|each|insert)(?![A-Za-z0-9_.\[])")
_MISSPELT = re.compile(r"(?i)(if|elseif|else|each|insert|else\s+if|elif)(?![A-Za-z0-9_.\[])")


@dataclass(frozen=True)
class Directive:
    """What a key asks for; ``variable`` is that of ``each``."""

    kind: Literal["if", "elseif", "else", "each", "insert"]
    expression: str
    at: Scalar
    variable: str = ""


def directive(key: Scalar) -> Directive | None:
    """The directive in a key; None when it is an ordinary one.

    Raises:
        Refused: a directive with a wrong form.
    """
    inside = only_expression(key)
    if inside is None:
        return None
    found = _WORD.match(inside)
    if found is None:
        if misspelt := _MISSPELT.match(inside):
            name = "elseif" if misspelt[1].lower() in ("elif", "else if") else misspelt[1].lower()
            raise Refused(f"unknown directive {misspelt[1]!r}; write {name!r}", key.at)
        return None
    kind, rest = found[1], inside[found.end() :].strip()
    if kind in ("else", "insert"):
        if re.match(r"if\b", rest):
            raise Refused("unknown directive 'else if'; write 'elseif'", key.at)
        if rest:
            raise Refused(f"{kind!r} takes no expression", key.at)
    elif not rest:
        raise Refused(f"{kind!r} needs an expression", key.at)
    if kind == "each":
        loop = _EACH.match(inside)
        if loop is None:
            raise Refused("write: ${{ each NAME in COLLECTION }}", key.at)
        return Directive("each", loop[2].strip(), key, loop[1])
    return Directive(kind, rest, key)  # type: ignore[arg-type]
