"""Syntax highlighting of Python code with Pygments, in the few colours of the page.

For all pages of the example Pygments takes 0.12 s of the processor, its import included.
"""

from __future__ import annotations

from functools import cache
from html import escape
from itertools import groupby
from typing import Any


@cache
def highlight(source: str) -> Any:
    """Python code as HTML. Runbooks share cells, so the same source is highlighted once.

    Returns:
        The escaped source with spans of the classes ``k`` (keyword), ``n`` (builtin, or the name
        that is defined), ``s`` (string), ``m`` (number) and ``c`` (comment).
    """
    import markupsafe

    parts: list[str] = []
    tokens = _lexer().get_tokens_unprocessed(source)
    for css_class, group in groupby(tokens, key=lambda token: _css_class(token[1])):
        content = escape("".join(text for _, _, text in group), quote=False)
        parts.append(f'<span class="{css_class}">{content}</span>' if css_class else content)
    return markupsafe.Markup("".join(parts))  # noqa: S704 - every part is escaped above


@cache
def _lexer() -> Any:
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    return PythonLexer()


@cache
def _css_class(token: Any) -> str:
    """The class of a token type; its parents' class if it has none of its own."""
    from pygments.token import (  # type: ignore[import-untyped]
        Comment,
        Keyword,
        Name,
        Number,
        Operator,
        String,
    )

    classes = {
        Comment: "c",
        Keyword: "k",
        Operator.Word: "k",
        Name.Builtin: "n",
        Name.Class: "n",
        Name.Function: "n",
        Number: "m",
        String: "s",
    }
    for parent in reversed(token.split()):
        if parent in classes:
            return classes[parent]
    return ""
