"""What a client of MLflow's REST API gets: the store's answers, the workspace's models, refusals.

There are two addresses, for two kinds of client. ``/mlflow/v2.0{W}`` is what azureml-mlflow makes
of an ``azureml://`` address, as jobs do on Azure; there artifacts have ``azureml://`` addresses,
and go to the storage directly. ``/mlflow/plain{W}`` is for MLflow alone, whose artifacts pass
through here. Azure ML's tracking server has no ``/logged-models``, so MLflow 3's ``log_model`` gets
404 there; it gets it here too, or a rehearsal would be kinder than the release.
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

from azureml_local import addresses, auth
from azureml_local.errors import NotFound
from azureml_local.mlflow import artifacts, registry
from azureml_local.mlflow.app import ARTIFACTS_AT
from azureml_local.mlflow.entities import ModelView
from azureml_local.mlflow.tracking import Tracking
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace, json_of, workspace_key

HOP_BY_HOP = frozenset({"connection", "host", "transfer-encoding", "authorization", "keep-alive"})
NO_LOGGED_MODELS = (
    "Azure ML's tracking server has no logged models, so log_model of MLflow 3 fails; "
    "use mlflow.<flavor>.save_model(path) and mlflow.log_artifacts(path, artifact_path=...)"
)
PROXIED = "/api/2.0/mlflow-artifacts/artifacts"
AZUREML_MODELS = f"azureml://artifacts/{artifacts.MODELS}"
PLAIN_MODELS = f"mlflow-artifacts:/{artifacts.MODELS}"


def is_link(path: str) -> bool:
    """Whether a path is that of a link to MLflow's pages, which leads on and shows nothing."""
    return path.startswith("/mlflow/") and path.endswith("/")


def register(routes: Routes, state: State, tracking: Tracking) -> None:
    """Add the operations of this module."""

    # What MLflow prints at the end of a run; a browser has no token, and the pages ask for theirs.
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
            return await registry.answer(state, workspace, view, request)
        if path.endswith("/mlflow/runs/log-batch-async"):
            return await _log_batch(tracking, workspace, await json_of(request))
        model = _model_files(request, path) if plain else None
        if model is not None:
            return await run_in_threadpool(_files, state, workspace, model, listing=path == PROXIED)
        at = None if plain else addresses.azureml_tracking_uri(state, workspace, "v2.0")
        return await forward(tracking, workspace, request, path, at)


async def forward(
    tracking: Tracking, workspace: Workspace, request: Request, path: str, at: str | None = None
) -> Response:
    """Hand a request on to the workspace's MLflow server.

    Args:
        tracking: the MLflow servers.
        workspace: whose server.
        request: the request.
        path: the path there.
        at: the address below which azureml-mlflow looks for runs' artifacts; None for others.

    Raises:
        NotFound: it is about logged models.
    """
    if "/mlflow/logged-models" in path:
        raise NotFound(NO_LOGGED_MODELS, "NotFound")
    client = await tracking.client(workspace)
    headers: list[tuple[str, str]] = [
        (name, value)
        for name, value in request.headers.items()
        if name not in HOP_BY_HOP and name not in ("cookie", ARTIFACTS_AT.lower())
    ]
    if at is not None:
        headers.append((ARTIFACTS_AT, at))
    outgoing = client.build_request(
        request.method,
        quote(path) + (f"?{request.url.query}" if request.url.query else ""),
        headers=headers,
        content=_body(request),
    )
    answer = await client.send(outgoing, stream=True)
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
    return StreamingResponse(
        answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
    )


async def _log_batch(tracking: Tracking, workspace: Workspace, body: dict[str, Any]) -> Response:
    """azureml-mlflow's own way to log in the background: done at once, so there is no id to ask."""
    client = await tracking.client(workspace)
    answer = await client.post("/api/2.0/mlflow/runs/log-batch", json=body)
    if answer.status_code != 200:
        return Response(answer.content, answer.status_code, media_type="application/json")
    return JSONResponse({"batch_tracking_id": ""})


def _model_files(request: Request, path: str) -> str | None:
    """The name and path of a model's file that is asked for as an artifact; None for others."""
    wanted = path.removeprefix(PROXIED).strip("/") or request.query_params.get("path", "")
    is_model = path.startswith(PROXIED) and wanted.startswith(f"{artifacts.MODELS}/")
    return wanted.partition("/")[2] if is_model else None


def _files(state: State, workspace: Workspace, wanted: str, *, listing: bool) -> Response:
    """A file of a model, or what is directly in a folder of it."""
    name, _, path = wanted.partition("/")
    place = artifacts.models(state, workspace, name).locate(path)
    if not listing:
        if not place.is_file():
            raise NotFound(f"there is no file {path} in model {name}", "UserError")
        return FileResponse(place)
    inside = sorted(place.iterdir()) if place.is_dir() else []
    if place.is_file() and "/" not in path:  # a model that is one file, asked for as a folder
        inside = [place]
    shown = [
        {"path": each.name, "is_dir": each.is_dir(), "file_size": each.stat().st_size}
        for each in inside
    ]
    return JSONResponse({"files": shown})


def _body(request: Request) -> Any:
    """The body as a stream; none at all where the request has none."""
    headers = request.headers
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return None if empty else request.stream()
