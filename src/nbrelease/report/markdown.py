"""Markdown of a notebook or model card as HTML, without raw HTML and without fetches."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def render_markdown(source: str) -> Any:
    """Markdown as HTML, with headings one level down; raw HTML is shown as text.

    Links to the web stay. Links to files, and images that are no data, would lead out of the pack:
    their text stays.
    """
    import markupsafe

    parser = _parser()
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        _remove_links_to_files(token.children or [])
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    # A table that is wider than the screen scrolls by itself, so it takes the focus.
    rendered = rendered.replace("<table>", '<div class="scroll" tabindex="0" role="group"><table>')
    rendered = rendered.replace("</table>", "</table></div>")
    return markupsafe.Markup(rendered)  # noqa: S704 - rendered without raw HTML


def _remove_links_to_files(tokens: list[Any]) -> None:
    """Replace links to files and images by their text, in place."""
    is_link_to_web: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            is_link_to_web.append(str(token.attrGet("href")).startswith(("https://", "http://")))
            if not is_link_to_web[-1]:
                token.tag, token.attrs = "span", {}
        elif token.type == "link_close":
            token.tag = "a" if is_link_to_web.pop() else "span"
        elif token.type == "image" and not str(token.attrGet("src")).startswith("data:image/"):
            token.type, token.tag, token.children = "text", "", None  # its text is its content
