"""The pages of a pack: the index, and each executed notebook. They ask the network for nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from nbrelease.records import ReleaseRecord, RunbookResult
from nbrelease.scraps import MEDIA_TYPE

NOTHING = "\N{EN DASH}"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nbrelease.evidence"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["seconds"] = _seconds
    environment.filters["utc"] = lambda time: f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else NOTHING
    environment.filters["figure"] = _figure
    environment.globals["state_class"] = lambda state: state.replace(" ", "-")
    return environment


def index(record: ReleaseRecord) -> str:
    """The first page of a release."""
    return str(_environment().get_template("index.html.j2").render(record=record))


def notebook(result: RunbookResult, content: Mapping[str, Any]) -> str:
    """An executed notebook.

    Args:
        result: what is known of its execution.
        content: the notebook, as JSON.
    """
    states = {cell.id: cell for cell in result.cells}
    cells = [
        {
            "id": cell.get("id", ""),
            "kind": cell["cell_type"],
            "injected": "injected-parameters" in cell.get("metadata", {}).get("tags", []),
            "result": states.get(cell.get("id", "")),
            "code": _code(_text(cell["source"])) if cell["cell_type"] == "code" else "",
            "prose": _prose(_text(cell["source"])) if cell["cell_type"] == "markdown" else "",
            "outputs": [shown for output in cell.get("outputs", []) if (shown := _output(output))],
        }
        for cell in content["cells"]
    ]
    template = _environment().get_template("notebook.html.j2")
    return str(template.render(result=result, cells=cells))


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _code(source: str) -> Any:
    import markupsafe
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers.python import PythonLexer

    return markupsafe.Markup(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704 - pygments escapes


def _prose(source: str) -> Any:
    """Markdown; raw HTML in it is shown as text."""
    import markupsafe
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    return markupsafe.Markup(rendered)  # noqa: S704 - rendered without raw HTML


def _output(output: Mapping[str, Any]) -> dict[str, Any] | None:
    """An output as the template shows it; None for what is shown elsewhere."""
    kind = output["output_type"]
    if kind == "stream":
        text = _plain(_text(output["text"]))
        return {"form": "text", "text": text} if text.strip() else None
    if kind == "error":
        return {"form": "error", "text": _plain("\n".join(output["traceback"]))}
    data = output.get("data", {})
    if "image/png" in data:
        return {"form": "image", "text": _text(data["image/png"]).replace("\n", "")}
    if "text/html" in data and MEDIA_TYPE not in data:
        return {"form": "html", "text": _table(_text(data["text/html"]))}
    text = _plain(_text(data.get("text/plain", "")))
    return {"form": "value" if MEDIA_TYPE in data else "text", "text": text} if text else None


def _plain(text: str) -> str:
    """Without colours, and with lines that rewrote themselves as they ended."""
    lines = ANSI.sub("", text).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _table(source: str) -> Any:
    """HTML of an output with nothing in it that runs or fetches."""
    import bleach
    import markupsafe

    tags = {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "div",
        "span",
        "b",
        "i",
        "em",
        "strong",
    }
    tags |= {"pre", "code", "ul", "ol", "li", "br", "caption"}
    without = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", "", source)
    cleaned = bleach.clean(without, tags=tags, attributes={"*": ["colspan", "rowspan"]}, strip=True)
    return markupsafe.Markup(cleaned)  # noqa: S704 - cleaned above


def _seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    if value < 90:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 2 else f"{value:.4f}"
    return html.unescape(str(value))
