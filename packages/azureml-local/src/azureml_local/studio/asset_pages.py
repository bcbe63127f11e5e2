"""The pages of assets: the lists, a version with its lineage, a preview of data and its files."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import (
    COMPONENTS,
    DATA,
    ENVIRONMENTS,
    MODELS,
    AssetKind,
    AssetResource,
)
from azureml_local.errors import AzureError, NotFound
from azureml_local.files import inside
from azureml_local.jobs.inputs import locate_input
from azureml_local.public_files import SCHEMES
from azureml_local.state import Workspace
from azureml_local.studio import asset_views, views
from azureml_local.studio.file_responses import file_response
from azureml_local.studio.listing import list_rows
from azureml_local.studio.pages import workspace_page
from azureml_local.studio.pipeline_graph import PipelineGraph, component_graph
from azureml_local.studio.previews import Preview, preview_data

TITLES = {
    MODELS: "Models",
    DATA: "Data",
    ENVIRONMENTS: "Environments",
    COMPONENTS: "Components",
}


async def assets(request: Request, workspace: Workspace) -> Response:
    """The versions of all assets of a kind."""
    kind = _kind(request)
    rows = await run_in_threadpool(asset_views.asset_rows, workspace, kind)
    listing = list_rows(asset_views.ASSETS, rows, request.query_params)
    return workspace_page(
        "assets", workspace, f"assets/{kind}", kind=kind, title=TITLES[kind], listing=listing
    )


async def asset(request: Request, workspace: Workspace) -> Response:
    """A version of an asset."""
    kind, version = _kind(request), _find(request, workspace)
    spec = version.body.get("componentSpec") or {}
    preview: Preview | None = None
    graph: PipelineGraph | None = None
    if kind == DATA:
        preview = await run_in_threadpool(_preview, workspace, version)
    elif kind == COMPONENTS:
        graph = await run_in_threadpool(component_graph, workspace, spec)
    return workspace_page(
        "asset",
        workspace,
        f"assets/{kind}",
        asset=version,
        versions=workspace.documents.entries(kind, version.name),
        lineage=await run_in_threadpool(views.lineage, workspace, version),
        spec=spec,
        inputs=asset_views.ports(spec.get("inputs")),
        outputs=asset_views.ports(spec.get("outputs")),
        preview=preview,
        graph=graph,
    )


async def data_file(request: Request, workspace: Workspace) -> Response:
    """A file of a data asset."""
    root = _data_path(workspace, _find(request, workspace))
    path = request.path_params["path"]
    return file_response(root if root.is_file() else inside(root, path))


def _kind(request: Request) -> AssetKind:
    kind = AssetKind(request.path_params.get("kind", DATA).lower())
    if kind not in TITLES:
        raise NotFound(f"{kind}: unknown kind of asset")
    return kind


def _find(request: Request, workspace: Workspace) -> AssetResource:
    params = request.path_params
    return Assets(workspace, _kind(request)).find(params["name"], params["version"])


def _data_path(workspace: Workspace, data: AssetResource) -> Path:
    """The path of the file or folder of a data asset.

    Raises:
        NotFound: its address is outside of this machine.
        AzureError: nothing exists at its address.
    """
    location = locate_input(workspace, str(data.body["dataUri"]))
    if location.startswith(SCHEMES):
        raise NotFound("its address is outside of this workspace")
    return Path(location)


def _preview(workspace: Workspace, data: AssetResource) -> Preview:
    try:
        return preview_data(_data_path(workspace, data))
    except AzureError as error:
        return Preview(note=f"No preview: {error.message}")
