"""Renders the templates of the pages."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.responses import HTMLResponse

from azureml_local.state import Workspace
from azureml_local.studio import access, asset_views, names, views


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
        "asset_title": names.title_of,
        "asset_type": asset_views.type_of,
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


def workspace_page(
    template: str, workspace: Workspace, section: str, **values: Any
) -> HTMLResponse:
    """A page of a workspace; ``section`` is the path of its item in the navigation."""
    return page(
        template,
        workspace=workspace,
        base=f"{access.ROOT}{workspace.key}",
        section=section,
        asset_name=names.AssetNames(workspace),
        **values,
    )


def _size(number: int) -> str:
    """A number of bytes with a unit."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
