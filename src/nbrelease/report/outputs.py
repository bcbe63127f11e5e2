"""A notebook's cells as a page shows them: code, prose, and outputs that neither run nor fetch."""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from nbrelease.published_values import MEDIA_TYPE
from nbrelease.records import CellResult, RunbookResult
from nbrelease.report.highlight import coloured
from nbrelease.report.sanitize import harmless

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# Longer texts stay whole in the notebook; the page says how much it leaves out.
LONGEST = 20_000


def cells(result: RunbookResult, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cells of an executed notebook, for the template."""
    results = {cell.id: cell for cell in result.cells}
    return [_cell(cell, results.get(cell.get("id", ""))) for cell in content["cells"]]


def _cell(cell: Mapping[str, Any], result: CellResult | None) -> dict[str, Any]:
    kind, source = cell["cell_type"], text(cell["source"])
    shown: dict[str, Any] = {
        "id": cell.get("id", ""),
        "kind": kind,
        "injected": "injected-parameters" in cell.get("metadata", {}).get("tags", []),
        "result": result,
        "code": coloured(source) if kind == "code" else "",
        "prose": prose(source) if kind == "markdown" else "",
        "outputs": [each for output in cell.get("outputs", []) if (each := _output(output))],
    }
    if result is not None and result.check is not None and not result.check.passed:
        shown["expected"], shown["found"] = compared(
            result.check.expected or "", result.check.found or ""
        )
    return shown


def text(value: str | list[str]) -> str:
    """A text of the notebook format, which may be a list of its lines."""
    return value if isinstance(value, str) else "".join(value)


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def prose(source: str) -> Any:
    """Markdown, one level of headings down; raw HTML in it is shown as text, no picture fetched.

    Links to the web stay. Others, to files beside the notebook, lead nowhere from a pack: their
    words stay.
    """
    import markupsafe

    tokens = _markdown().parse(source)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        _offline(token.children or [])
    rendered: str = _markdown().renderer.render(tokens, _markdown().options, {})
    # A table that is wider than the screen scrolls by itself, so it takes the focus.
    rendered = rendered.replace("<table>", '<div class="scroll" tabindex="0" role="group"><table>')
    rendered = rendered.replace("</table>", "</table></div>")
    return markupsafe.Markup(rendered)  # noqa: S704 - rendered without raw HTML


def _offline(tokens: list[Any]) -> None:
    """Take from a line what would fetch something, or lead out of the pack to nothing."""
    kept: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            kept.append(str(token.attrGet("href")).startswith(("https://", "http://")))
            if not kept[-1]:
                token.tag, token.attrs = "span", {}
        elif token.type == "link_close":
            token.tag = "a" if kept.pop() else "span"
        elif token.type == "image" and not str(token.attrGet("src")).startswith("data:image/"):
            token.type, token.tag, token.children = "text", "", None  # its words are its content


def compared(expected: str, found: str) -> tuple[Any, Any]:
    """Two texts with the lines marked that only one of them has."""
    import markupsafe

    sides: tuple[list[str], list[str]] = ([], [])
    for line in difflib.ndiff(expected.splitlines(), found.splitlines()):
        sign, content = line[:1], markupsafe.escape(line[2:] or " ")
        if sign == " ":
            sides[0].append(f"{content}\n")
            sides[1].append(f"{content}\n")
        elif sign == "-":
            sides[0].append(f"<del>{content}</del>")
        elif sign == "+":
            sides[1].append(f"<ins>{content}</ins>")
    return tuple(markupsafe.Markup("".join(side)) for side in sides)  # type: ignore[return-value]  # noqa: S704 - lines are escaped above


def _output(output: Mapping[str, Any]) -> dict[str, Any] | None:
    """An output as the template shows it; None for what has nothing to see."""
    kind = output["output_type"]
    if kind == "stream":
        return _as_text(text(output["text"]))
    if kind == "error":
        return {"form": "error", "text": _plain("\n".join(output["traceback"]))}
    data = output.get("data", {})
    if MEDIA_TYPE in data:
        scrap = data[MEDIA_TYPE]
        value = json.dumps(scrap["data"], ensure_ascii=False, indent=1)
        short = json.dumps(scrap["data"], ensure_ascii=False)
        return {
            "form": "value",
            "name": scrap["name"],
            "text": short if len(short) <= 160 else cut(value),
        }
    alt = text(output.get("metadata", {}).get("image/png", {}).get("alt", "")) or text(
        data.get("text/plain", "")
    )
    for picture in PICTURES:
        if picture in data:
            encoded = re.sub(r"\s", "", text(data[picture]))
            return {"form": "image", "kind": picture, "text": encoded, "alt": _alt(alt)}
    if "image/svg+xml" in data:  # as a picture its scripts do not run and it fetches nothing
        encoded = base64.b64encode(text(data["image/svg+xml"]).encode()).decode()
        return {"form": "image", "kind": "image/svg+xml", "text": encoded, "alt": _alt(alt)}
    # A page of this size is read by nobody; its plain text is cut below.
    if "text/html" in data and len(text(data["text/html"])) <= 20 * LONGEST:
        return {"form": "html", "text": harmless(text(data["text/html"]))}
    if "text/markdown" in data:
        return {"form": "html", "text": prose(text(data["text/markdown"]))}
    return _as_text(text(data.get("text/plain", "")))


def _alt(found: str) -> str:
    """A picture's own words, where they are any: not the address of an object in memory."""
    return "" if found.startswith("<") else found


def _as_text(content: str) -> dict[str, Any] | None:
    plain = _plain(content)
    return {"form": "text", "text": cut(plain)} if plain.strip() else None


def cut(content: str) -> str:
    """A text that is too long for a page, with what was left out said."""
    if len(content) <= LONGEST:
        return content
    half = LONGEST // 2
    left = len(content) - 2 * half
    return f"{content[:half]}\n… {left} characters are in the notebook alone …\n{content[-half:]}"


def _plain(content: str) -> str:
    """Without colours, and with lines that rewrote themselves as they ended."""
    lines = ANSI.sub("", content).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
