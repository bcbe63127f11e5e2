"""The pages' templates, and a page as an answer."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.responses import HTMLResponse

from azureml_local.studio import access, views


@cache
def _environment() -> Any:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("azureml_local.studio"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # most fields of documents are optional
    )
    made.filters |= {
        "asset_path": views.asset_path,
        "short": views.short,
        "size": _size,
        "tone": views.tone,
        "took": views.took,
        "when": views.when,
    }
    return made


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template."""
    own = access.nonce()
    text = _environment().get_template(f"{template}.html.j2").render(nonce=own, **values)
    return HTMLResponse(text, status, access.headers(own))


def _size(number: int) -> str:
    """A number of bytes for people."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
