"""HTML of an output without anything that runs, fetches, or leaves its place on the page."""

from __future__ import annotations

from typing import Any

TAGS = frozenset(
    {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "p", "div", "span", "b", "i"}
    | {"em", "strong", "small", "sub", "sup", "pre", "code", "ul", "ol", "li", "dl", "dt", "dd"}
    | {"br", "hr", "h1", "h2", "h3", "h4"}
)
ATTRIBUTES = frozenset({"colspan", "rowspan"})
# Their content is removed too: it is no text of the page.
REMOVED_WITH_CONTENT = frozenset({"script", "style", "template", "noscript", "title"})


def sanitize(source: str) -> Any:
    """HTML with the allowed tags only, each of them closed, and the text."""
    import markupsafe
    import nh3

    cleaned = nh3.clean(
        source,
        tags=set(TAGS),
        attributes={"*": set(ATTRIBUTES)},
        clean_content_tags=set(REMOVED_WITH_CONTENT),
        link_rel=None,
    )
    return markupsafe.Markup(cleaned)  # noqa: S704 - cleaned
