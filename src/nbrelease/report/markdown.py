"""Markdown of a notebook or model card as HTML, without raw HTML and without fetches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

ATTACHMENT = "attachment:"
IMAGE = re.compile(r"image/[\w.+-]+$")
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+$")


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def render_markdown(source: str, attachments: Mapping[str, Mapping[str, Any]] | None = None) -> Any:
    """Markdown as HTML, with headings one level down; raw HTML is shown as text.

    Links to the web stay. Links to files, and images that are no data, would lead out of the pack:
    their text stays. Attached images are in the notebook, so they are shown.

    Args:
        source: the Markdown.
        attachments: of a notebook's cell: file name to media type to base64.
    """
    import markupsafe

    parser = _parser()
    tokens = parser.parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        _insert_attachments(token.children or [], attachments or {})
        _remove_links_to_files(token.children or [])
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    # A table that is wider than the screen scrolls by itself, so it takes the focus.
    rendered = rendered.replace("<table>", '<div class="scroll" tabindex="0" role="group"><table>')
    rendered = rendered.replace("</table>", "</table></div>")
    return markupsafe.Markup(rendered)  # noqa: S704 - rendered without raw HTML


def _insert_attachments(tokens: list[Any], attachments: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the addresses of attached images by their content, in place."""
    for token in tokens:
        address = str(token.attrGet("src") or "")
        if token.type != "image" or not address.startswith(ATTACHMENT):
            continue
        contents = attachments.get(unquote(address.removeprefix(ATTACHMENT)), {})
        for media_type, content in contents.items():
            text = content if isinstance(content, str) else "".join(content)
            if IMAGE.match(media_type) and BASE64.match(text):
                token.attrSet("src", f"data:{media_type};base64,{''.join(text.split())}")
                break


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
