"""HTML of an output with nothing in it that runs, fetches, or reaches out of its place.

What comes out is written anew: tags of a short list, with no attributes but how many cells one
spans, each closed; and text, in which no tag can begin. So nothing has to be recognised as bad.
"""

from __future__ import annotations

import re
from typing import Any

TAGS = frozenset(
    {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "p", "div", "span", "b", "i"}
    | {"em", "strong", "small", "sub", "sup", "pre", "code", "ul", "ol", "li", "dl", "dt", "dd"}
    | {"br", "hr", "h1", "h2", "h3", "h4"}
)
ALONE = frozenset({"br", "hr"})
DEEPEST = 100
"""Tags within tags; a page with more is none that somebody reads."""
# What stands in these is no text of the page.
SILENT = re.compile(r"(?i)(?:script|style|template|noscript|title)\Z")
NAME = re.compile(r"/?([A-Za-z][^\s/>]*)")
# To the end of a tag: a > within an attribute's quotes is none.
INNER = re.compile(r"""(?:=\s*+(?:"[^"]*"|'[^']*')|[^>])*+""")
SPANS = re.compile(r"""\b(colspan|rowspan)\s*=\s*["']?(\d{1,4})\b""")


def harmless(source: str) -> Any:
    """The HTML of an output as a page can hold it; what ends in the middle of a tag ends there.

    Args:
        source: of any kind. Each character is looked at once, or twice.
    """
    import markupsafe

    parts: list[str] = []
    opened: list[str] = []
    at = 0
    while (start := source.find("<", at)) >= 0:
        parts.append(_text(source[at:start]))
        at = _tag(source, start, parts, opened)
    parts.append(_text(source[at:]))
    parts += [f"</{name}>" for name in reversed(opened)]
    return markupsafe.Markup("".join(parts))  # noqa: S704 - made of tags of the list, and of text


def _text(source: str) -> str:
    return source.replace("<", "&lt;").replace(">", "&gt;")


def _tag(source: str, start: int, parts: list[str], opened: list[str]) -> int:
    """What begins with the ``<`` at ``start``; returns where it ends."""
    name = NAME.match(source, start + 1)
    if name is None:
        return _other(source, start, parts)
    inner = INNER.match(source, name.end())
    end = inner.end() + 1 if inner else len(source)
    tag = name[1].lower()
    if source[start + 1] == "/":
        _close(tag, parts, opened)
    elif SILENT.match(tag):
        last = re.compile(rf"(?i)</{tag}(?=[\s/>])").search(source, end)
        end = source.find(">", last.end()) + 1 if last else 0
        return end or len(source)
    elif tag in TAGS and end <= len(source) and len(opened) < DEEPEST:
        spans = dict(SPANS.findall(source[name.end() : end].lower()))
        parts.append(
            f"<{' '.join([tag, *(f'{each}={number}' for each, number in spans.items())])}>"
        )
        if tag not in ALONE:
            opened.append(tag)
    return min(end, len(source))


def _close(tag: str, parts: list[str], opened: list[str]) -> None:
    """Close a tag, and those within it that were left open; an end without a beginning is none."""
    if tag in opened:
        while True:
            last = opened.pop()
            parts.append(f"</{last}>")
            if last == tag:
                return


def _other(source: str, start: int, parts: list[str]) -> int:
    """A comment or the like, of which nothing is shown; else a mere ``<``."""
    if source.startswith("<!--", start):
        end = source.find("-->", start + 4)
        return end + 3 if end >= 0 else len(source)
    if source[start + 1 : start + 2] in ("!", "?", "/"):
        end = source.find(">", start)
        return end + 1 if end >= 0 else len(source)
    parts.append("&lt;")
    return start + 1
