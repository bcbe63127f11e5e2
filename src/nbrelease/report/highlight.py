"""Python in the page's colours: what a reader skims for, and no more.

A release has hundreds of cells, and all of their pages are written again to verify it. A lexer that
knows every corner of the language takes longer for that than all the rest; this one knows comments,
texts, numbers and words, and never changes a character.
"""

from __future__ import annotations

import builtins
import keyword
import re
from functools import cache
from html import escape
from typing import Any

TOKEN = re.compile(
    r"""
    (?P<c>\#[^\n]*)
    |(?P<s>[rbfuRBFU]{0,2}(?:
        '''(?:[^\\']|\\.|'(?!''))*+(?:''')?
        |\"\"\"(?:[^\\"]|\\.|"(?!""))*+(?:\"\"\")?
        |'(?:[^\\'\n]|\\.)*+'?
        |"(?:[^\\"\n]|\\.)*+"?
    ))
    |(?P<m>\d[\w.]*(?:(?<=[eE])[+-]\d+)?)
    |(?P<word>\w+)
    """,
    re.VERBOSE | re.DOTALL,
)
KINDS = {
    **dict.fromkeys((name for name in vars(builtins) if name[:1].islower()), "n"),
    **dict.fromkeys(keyword.kwlist, "k"),
}
DEFINES = ("def", "class")


@cache
def coloured(source: str) -> Any:
    """Python as HTML. Runbooks share cells, so the same source is done once.

    Returns:
        The escaped text with spans of the classes ``k`` (a keyword), ``n`` (the name of a builtin,
        or of what is defined), ``s`` (a text), ``m`` (a number) and ``c`` (a comment).
    """
    import markupsafe

    parts: list[str] = []
    at, before = 0, ""
    for token in TOKEN.finditer(source):
        kind, text = token.lastgroup, token[0]
        if kind == "word":
            kind = "n" if before in DEFINES else KINDS.get(text)
            before = text
            if kind is None or source[token.start() - 1 : token.start()] == ".":
                continue
        start, end = token.span()
        parts.append(escape(source[at:start], quote=False))
        parts.append(f'<span class="{kind}">{escape(text, quote=False)}</span>')
        at = end
    parts.append(escape(source[at:], quote=False))
    return markupsafe.Markup("".join(parts))  # noqa: S704 - every part is escaped above
