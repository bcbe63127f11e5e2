"""The pages and their addresses; each page checks access first."""

from __future__ import annotations

import codecs
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from azureml_local.addresses import run_artifacts_path
from azureml_local.assets.versions import ANONYMOUS_NAMES, Assets
from azureml_local.documents.assets import (
    COMPONENTS,
    DATA,
    ENVIRONMENTS,
    MODELS,
    AssetKind,
)
from azureml_local.documents.jobs import JobResource
from azureml_local.endpoints import BATCH, ONLINE
from azureml_local.errors import AzureError, NotFound
from azureml_local.files import inside
from azureml_local.jobs import records
from azureml_local.jobs.records import Job
from azureml_local.json_fields import as_document
from azureml_local.mlflow import registry
from azureml_local.mlflow.entities import ModelView, Tag
from azureml_local.mlflow.routes import PLAIN_MODELS, forward
from azureml_local.mlflow.tracking import Tracking
from azureml_local.routing import Routes
from azureml_local.schedules.service import KIND as SCHEDULES
from azureml_local.state import ARTIFACTS, State, Workspace
from azureml_local.studio import access, scoring_form, sweeps, views
from azureml_local.studio.pages import page

BASE = "/studio/{key}"
LOG_BYTES = 200_000
"""The maximum size of a log on a page; the beginning of a longer log is left out."""
IMAGES = ("image/png", "image/jpeg", "image/gif")
ENDPOINT_KINDS = {
    "online": (ONLINE, views.online),
    "batch": (BATCH, views.batch),
}
TITLES = {
    MODELS: "Models",
    DATA: "Data",
    ENVIRONMENTS: "Environments",
    COMPONENTS: "Components",
}
UI_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'none'"
)
"""The policy of MLflow's pages: inline scripts, and requests to this server only."""

PageHandler = Callable[[Request, Workspace], Awaitable[Response]]


class MlflowMetric(TypedDict):
    """The last value of a metric."""

    key: str
    value: float


class MlflowRunData(TypedDict):
    """The metrics and parameters of an MLflow run."""

    metrics: list[MlflowMetric]
    params: list[Tag]


class MlflowRunInfo(TypedDict):
    """The ids of an MLflow run."""

    run_id: str
    experiment_id: str


class MlflowRun(TypedDict):
    """A run in MLflow's form; without metrics and parameters it has no data."""

    info: MlflowRunInfo
    data: NotRequired[MlflowRunData]


class Studio:
    """The pages of all workspaces."""

    def __init__(self, state: State, tracking: Tracking, authorities: Path) -> None:
        """Set up the pages.

        Args:
            state: the server's state.
            tracking: the MLflow servers, which have the metrics of runs.
            authorities: the folder of CAs with which this server connects to itself.
        """
        self._state = state
        self._tracking = tracking
        self._authorities = authorities

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        self._routes = routes
        routes.add("GET", access.ROOT, "Studio - Workspaces")(self._workspaces)
        self._add("GET", "", "Workspace", self._home)
        self._add("GET", "/jobs", "Jobs", self._jobs)
        self._add("GET", "/jobs/{name}", "Job", self._job)
        self._add("GET", "/jobs/{name}/log", "Log of a job", self._log)
        self._add("GET", "/jobs/{name}/artifacts/{path:path}", "Artifact", self._artifact)
        self._add("GET", "/jobs/{name}/outputs/{output}/{path:path}", "Output", self._output)
        self._add("GET", "/endpoints", "Endpoints", self._endpoints)
        self._add("GET|POST", "/endpoints/{kind}/{name}", "Endpoint", self._endpoint)
        self._add("GET", "/assets/{kind}", "Assets", self._assets)
        self._add("GET", "/assets/{kind}/{name}/{version}", "Asset", self._asset)
        self._add("GET", "/compute", "Compute", self._compute)
        self._add("GET", "/schedules", "Schedules", self._schedules)
        self._add("GET|POST|PATCH|DELETE", "/mlflow{path:path}", "MLflow's own pages", self._mlflow)

    def _add(self, method: str, path: str, title: str, show: PageHandler) -> None:
        async def handler(request: Request) -> Response:
            try:
                redirect = access.check_access(self._state, request, request.path_params["key"])
                if redirect is not None:
                    return redirect
                return await show(request, self._state.workspace_by_key(request.path_params["key"]))
            except AzureError as error:
                return _error_page(error)

        self._routes.add(method, BASE + path, f"Studio - {title}")(handler)

    async def _workspaces(self, request: Request) -> Response:
        try:
            redirect = access.check_access(self._state, request)
        except AzureError as error:
            return _error_page(error)
        workspaces = self._state.workspaces()
        return redirect or page(
            "workspaces", workspace=None, base="", section="", workspaces=workspaces
        )

    async def _home(self, request: Request, workspace: Workspace) -> Response:
        return RedirectResponse(f"{access.ROOT}{workspace.key}/jobs", 303)

    def _page(self, template: str, workspace: Workspace, section: str, **values: Any) -> Response:
        base = f"{access.ROOT}{workspace.key}"
        return page(template, workspace=workspace, base=base, section=section, **values)

    # Jobs.

    async def _jobs(self, request: Request, workspace: Workspace) -> Response:
        jobs = views.jobs(workspace)
        return self._page("jobs", workspace, "jobs", jobs=jobs)

    async def _job(self, request: Request, workspace: Workspace) -> Response:
        job = Job(workspace, request.path_params["name"]).read()
        over = (
            job.body["status"] in records.FINAL_STATUSES
        )  # read the status before the log, or the end of the log is missed
        log, read = await run_in_threadpool(self._read_log, workspace, job, None)
        outputs = {
            key: await run_in_threadpool(views.files, workspace.local_path(uri))
            for key, uri in (job.body.get("outputs") or {}).items()
        }
        folder = Job(workspace, job.name).artifacts
        children = Job(workspace, job.name).children()
        return self._page(
            "job",
            workspace,
            "jobs",
            job=job,
            over=over,
            log=log,
            read=read,
            outputs=outputs,
            artifacts=await run_in_threadpool(views.files, folder),
            run=await self._mlflow_run(workspace, job),
            steps=children,
            sweep=sweeps.sweep_of(job, children),
        )

    async def _mlflow_run(self, workspace: Workspace, job: JobResource) -> MlflowRun | None:
        """A job's MLflow run; None without one."""
        if not job.body.get("tracked"):
            return None
        client = await self._tracking.client(workspace)
        response = await client.get("/api/2.0/mlflow/runs/get", params={"run_id": job.name})
        if response.status_code != 200:
            return None
        run = as_document(MlflowRun, response.json()["run"])
        data: MlflowRunData = {"metrics": [], "params": []}
        return {**run, "data": {**data, **run.get("data", {})}}

    async def _log(self, request: Request, workspace: Workspace) -> Response:
        """The part of a job's log after byte ``from``, and the job's status."""
        job = Job(workspace, request.path_params["name"]).read()
        over = job.body["status"] in records.FINAL_STATUSES
        offset = request.query_params.get("from", "0")
        start = int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 16 else 0
        text, read = await run_in_threadpool(self._read_log, workspace, job, start)
        status = {"x-status": job.body["status"], "x-over": str(over).lower(), "x-next": str(read)}
        headers = access.headers(access.new_nonce()) | status
        return Response(text, media_type="text/plain; charset=utf-8", headers=headers)

    def _read_log(
        self, workspace: Workspace, job: JobResource, start: int | None
    ) -> tuple[str, int]:
        """A job's log from byte ``start``, or its end; also returns the position after it."""
        folder = Job(workspace, job.name).artifacts
        names = [*records.stream_logs(folder), records.SCORING_LOG]
        log = next((p for name in names if (p := folder / name).is_file()), None)
        if log is None:
            return "", 0
        # An incomplete multi-byte character is read the next time.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES) if start is None else min(start, size))
            text = decoder.decode(file.read(LOG_BYTES))
            return text, file.tell() - len(decoder.getstate()[0])

    async def _artifact(self, request: Request, workspace: Workspace) -> Response:
        params = request.path_params
        folder = workspace.container(ARTIFACTS)
        return _file_response(
            inside(folder, f"{run_artifacts_path(params['name'])}/{params['path']}")
        )

    async def _output(self, request: Request, workspace: Workspace) -> Response:
        params = request.path_params
        job = Job(workspace, params["name"]).read()
        uri = (job.body.get("outputs") or {}).get(params["output"])
        if uri is None:
            raise NotFound(f"Output {params['output']} was not found in job {job.name}.")
        root = workspace.local_path(uri)
        return _file_response(root if root.is_file() else inside(root, params["path"]))

    # Endpoints.

    async def _endpoints(self, request: Request, workspace: Workspace) -> Response:
        kinds = {
            kind: [
                (endpoint, show_deployments(endpoint)) for endpoint in endpoints.all_in(workspace)
            ]
            for kind, (endpoints, show_deployments) in ENDPOINT_KINDS.items()
        }
        return self._page("endpoints", workspace, "endpoints", kinds=kinds)

    async def _endpoint(self, request: Request, workspace: Workspace) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        if kind not in ENDPOINT_KINDS:
            raise NotFound(f"{kind.title()} endpoint {name} was not found.")
        endpoints, show_deployments = ENDPOINT_KINDS[kind]
        endpoint = endpoints.find(workspace, name)
        form = scoring_form.ScoringForm(scoring_form.EXAMPLE, "")
        answer = None
        if request.method == "POST" and kind == "online":
            form = await scoring_form.read_form(request)
            answer = await scoring_form.send_request(self._authorities, endpoint, form)
        address = f"{self._state.url}/{kind}/{workspace.key}/{endpoint.name}/"
        return self._page(
            "endpoint",
            workspace,
            "endpoints",
            kind=kind,
            endpoint=endpoint,
            address=address + ("score" if kind == "online" else "jobs"),
            deployments=show_deployments(endpoint),
            answer=answer,
            body=form.body,
            chosen=form.deployment,
        )

    # Assets and schedules.

    async def _assets(self, request: Request, workspace: Workspace) -> Response:
        kind = _asset_kind(request)
        versions = [
            asset
            for asset in reversed(workspace.documents.entries(kind))
            if asset.name not in ANONYMOUS_NAMES
        ]
        return self._page(
            "assets", workspace, f"assets/{kind}", title=TITLES[kind], assets=versions
        )

    async def _asset(self, request: Request, workspace: Workspace) -> Response:
        kind, params = _asset_kind(request), request.path_params
        asset = Assets(workspace, kind).find(params["name"], params["version"])
        return self._page(
            "asset",
            workspace,
            f"assets/{kind}",
            asset=asset,
            versions=workspace.documents.entries(kind, asset.name),
            lineage=await run_in_threadpool(views.lineage, workspace, asset),
        )

    async def _compute(self, request: Request, workspace: Workspace) -> Response:
        computes = views.computes(workspace)
        return self._page("compute", workspace, "compute", computes=computes)

    async def _schedules(self, request: Request, workspace: Workspace) -> Response:
        entries = workspace.documents.entries(SCHEDULES)
        return self._page("schedules", workspace, "schedules", schedules=entries)

    # MLflow.

    async def _mlflow(self, request: Request, workspace: Workspace) -> Response:
        path = request.path_params["path"]
        if registry.PATH.match(path):
            view = ModelView(PLAIN_MODELS)
            return await registry.handle(workspace, view, request)
        response = await forward(self._tracking, workspace, request, path)
        response.headers["content-security-policy"] = UI_POLICY
        response.headers["x-content-type-options"] = "nosniff"
        return response


def register(routes: Routes, state: State, tracking: Tracking, authorities: Path) -> None:
    """Add the operations of this module."""
    Studio(state, tracking, authorities).register(routes)


def _asset_kind(request: Request) -> AssetKind:
    kind = AssetKind(request.path_params["kind"].lower())
    if kind not in TITLES:
        raise NotFound(f"{kind}: unknown kind of asset")
    return kind


def _file_response(path: Path) -> Response:
    """A file of a job: the browser displays text and images, and saves other files."""
    if not path.is_file():
        raise NotFound(f"File {unquote(path.name)} was not found.")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "application/json" or _is_text(path)
    # Files of a job must never run as a page of this server.
    media_type = kind if kind in IMAGES else "text/plain; charset=utf-8" if text else kind
    headers = access.headers(access.new_nonce())
    disposition = "inline" if media_type.startswith(("text/plain", *IMAGES)) else "attachment"
    return FileResponse(
        path,
        media_type=media_type,
        headers=headers,
        filename=path.name,
        content_disposition_type=disposition,
    )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096)
    return b"\0" not in start and bool(start.decode("utf-8", "ignore"))


def _error_page(error: AzureError) -> Response:
    titles = {403: "Access denied", 404: "Page not found"}
    return page(
        "error",
        error.status,
        workspace=None,
        base="",
        section="",
        title=titles.get(error.status, "Error"),
        message=error.message,
    )
