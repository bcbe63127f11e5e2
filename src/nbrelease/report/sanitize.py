"""HTML of an output with nothing in it that runs, fetches, or reaches out of its place."""

from __future__ import annotations

from typing import Any

TAGS = frozenset(
    {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "p", "div", "span", "b", "i"}
    | {"em", "strong", "small", "sub", "sup", "pre", "code", "ul", "ol", "li", "dl", "dt", "dd"}
    | {"br", "hr", "h1", "h2", "h3", "h4"}
)
ATTRIBUTES = frozenset({"colspan", "rowspan"})
# What stands in these is no text of the page.
SILENT = frozenset({"script", "style", "template", "noscript", "title"})


def harmless(source: str) -> Any:
    """The HTML of an output as a page can hold it: tags of a short list, each closed, and text."""
    import markupsafe
    import nh3

    cleaned = nh3.clean(
        source,
        tags=set(TAGS),
        attributes={"*": set(ATTRIBUTES)},
        clean_content_tags=set(SILENT),
        link_rel=None,
    )
    return markupsafe.Markup(cleaned)  # noqa: S704 - cleaned
