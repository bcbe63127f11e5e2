"""MLflow's REST API at two addresses, for two kinds of client.

``/mlflow/v2.0{W}`` is for azureml-mlflow, which converts ``azureml://`` to it, as jobs do on Azure.
There artifacts have ``azureml://`` addresses, and clients access the storage directly.
``/mlflow/plain{W}`` is for MLflow without azureml-mlflow, whose artifacts pass through this server.
Azure ML's tracking server does not support ``/logged-models``, so MLflow 3's ``log_model`` gets 404
there. It gets 404 here too: a rehearsal must fail where the release would.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from azureml_local import addresses
from azureml_local.disk_space import DiskFull, describe, says_disk_full
from azureml_local.errors import NotFound
from azureml_local.identity import auth
from azureml_local.json_fields import JsonObject, json_of
from azureml_local.mlflow import artifacts, registry
from azureml_local.mlflow.app import ARTIFACT_ROOT_HEADER
from azureml_local.mlflow.entities import ModelView
from azureml_local.mlflow.tracking import Tracking
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace, workspace_key

HOP_BY_HOP = frozenset({"connection", "host", "transfer-encoding", "authorization", "keep-alive"})
NO_LOGGED_MODELS = (
    "logged models are not supported by Azure ML, so log_model of MLflow 3 fails; "
    "use mlflow.<flavor>.save_model(path) and mlflow.log_artifacts(path, artifact_path=...)"
)
ARTIFACTS_API = "/api/2.0/mlflow-artifacts/artifacts"
AZUREML_MODELS = f"azureml://artifacts/{artifacts.MODELS}"
PLAIN_MODELS = f"mlflow-artifacts:/{artifacts.MODELS}"


def is_link(path: str) -> bool:
    """Whether a path is a link to MLflow's pages, which only redirects."""
    return path.startswith("/mlflow/") and path.endswith("/")


def register(routes: Routes, state: State, tracking: Tracking) -> None:
    """Add the operations of this module."""

    # The link that MLflow prints after a run. A browser has no token; the pages check their key.
    @routes.add("GET", f"/mlflow/{{api}}{WORKSPACE}/", "MLflow tracking - Link to the pages")
    async def link(request: Request) -> Response:
        names = request.path_params
        key = workspace_key(names["subscription"], names["group"], names["workspace"])
        return RedirectResponse(f"/studio/{key}/mlflow/", 303)

    @routes.add(
        "GET|POST|PUT|PATCH|DELETE", f"/mlflow/{{api}}{WORKSPACE}{{path:path}}", "MLflow tracking"
    )
    async def serve(request: Request) -> Response:
        auth.require_token(state.secret, request)
        workspace, params = state.workspace(request), request.path_params
        path, plain = params["path"], params["api"] == addresses.PLAIN_MLFLOW
        if registry.PATH.match(path):
            view = ModelView(PLAIN_MODELS if plain else AZUREML_MODELS)
            return await registry.handle(workspace, view, request)
        if path.endswith("/mlflow/runs/log-batch-async"):
            return await _log_batch(tracking, workspace, await json_of(request))
        model_path = _model_file_path(request, path) if plain else None
        if model_path is not None:
            return await run_in_threadpool(
                _model_file_response, workspace, model_path, listing=path == ARTIFACTS_API
            )
        artifact_root = None if plain else addresses.azureml_tracking_uri(workspace, "v2.0")
        return await forward(tracking, workspace, request, path, artifact_root)


async def forward(
    tracking: Tracking,
    workspace: Workspace,
    request: Request,
    path: str,
    artifact_root: str | None = None,
) -> Response:
    """Forward a request to the workspace's MLflow server.

    Args:
        tracking: the MLflow servers.
        workspace: the workspace.
        request: the request.
        path: the path on the MLflow server.
        artifact_root: the root of artifact addresses for azureml-mlflow; None for other clients.

    Raises:
        NotFound: the request is for logged models.
    """
    if "/mlflow/logged-models" in path:
        raise NotFound(NO_LOGGED_MODELS, "NotFound")
    client = await tracking.client(workspace)
    headers: list[tuple[str, str]] = [
        (name, value)
        for name, value in request.headers.items()
        if name not in HOP_BY_HOP and name not in ("cookie", ARTIFACT_ROOT_HEADER.lower())
    ]
    if artifact_root is not None:
        headers.append((ARTIFACT_ROOT_HEADER, artifact_root))
    query = request.scope["query_string"].decode("latin-1")
    outgoing = client.build_request(
        request.method,
        quote(path) + (f"?{query}" if query else ""),
        headers=headers,
        content=_body(request),
    )
    response = await client.send(outgoing, stream=True)
    if response.status_code >= 500:
        content = await response.aread()
        await response.aclose()
        if says_disk_full(content):
            raise DiskFull(describe(tracking.data))
        return Response(content, response.status_code, media_type="application/json")
    response_headers = {k: v for k, v in response.headers.items() if k.lower() not in HOP_BY_HOP}
    return StreamingResponse(
        response.aiter_raw(),
        response.status_code,
        response_headers,
        background=BackgroundTask(response.aclose),
    )


async def _log_batch(tracking: Tracking, workspace: Workspace, body: JsonObject) -> Response:
    """Log a batch for azureml-mlflow's background API, at once; so there is no id to poll."""
    client = await tracking.client(workspace)
    response = await client.post("/api/2.0/mlflow/runs/log-batch", json=body)
    if response.status_code >= 500 and says_disk_full(response.content):
        raise DiskFull(describe(tracking.data))
    if response.status_code != 200:
        return Response(response.content, response.status_code, media_type="application/json")
    return JSONResponse({"batch_tracking_id": ""})


def _model_file_path(request: Request, path: str) -> str | None:
    """``name/version/path`` if the request is for a file of a model; else None."""
    artifact_path = path.removeprefix(ARTIFACTS_API).strip("/") or request.query_params.get(
        "path", ""
    )
    is_model = path.startswith(ARTIFACTS_API) and artifact_path.startswith(f"{artifacts.MODELS}/")
    return artifact_path.partition("/")[2] if is_model else None


def _model_file_response(workspace: Workspace, model_path: str, *, listing: bool) -> Response:
    """A file of a model, or the list of a folder's entries."""
    name, _, path = model_path.partition("/")
    location = artifacts.model_folder(workspace, name).locate(path)
    if not listing:
        if not location.is_file():
            raise NotFound(f"File {path} was not found in model {name}.", "UserError")
        return FileResponse(location)
    entries = sorted(location.iterdir()) if location.is_dir() else []
    if location.is_file() and "/" not in path:  # a model of one file, requested as a folder
        entries = [location]
    files = [
        {"path": entry.name, "is_dir": entry.is_dir(), "file_size": entry.stat().st_size}
        for entry in entries
    ]
    return JSONResponse({"files": files})


def _body(request: Request) -> Any:
    """The body as a stream; None for a request without a body."""
    headers = request.headers
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return None if empty else request.stream()
