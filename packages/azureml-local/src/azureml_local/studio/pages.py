"""Renders the templates of the pages."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.responses import HTMLResponse

from azureml_local.studio import access, views


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("azureml_local.studio"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,  # most fields of documents are optional
    )
    environment.filters |= {
        "asset_path": views.asset_path,
        "short_name": views.short_name,
        "size": _size,
        "status_style": views.status_style,
        "duration": views.duration_text,
        "format_time": views.format_time,
    }
    return environment


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A response with a rendered template."""
    nonce = access.new_nonce()
    text = _environment().get_template(f"{template}.html.j2").render(nonce=nonce, **values)
    return HTMLResponse(text, status, access.headers(nonce))


def _size(number: int) -> str:
    """A number of bytes with a unit."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
