"""The pages and their addresses; each asks `access` before anything else."""

from __future__ import annotations

import codecs
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from azureml_local import assets
from azureml_local.addresses import run_artifacts_path
from azureml_local.errors import AzureError, NotFound
from azureml_local.jobs import records
from azureml_local.mlflow import registry
from azureml_local.mlflow.entities import ModelView
from azureml_local.mlflow.routes import PLAIN_MODELS, forward
from azureml_local.mlflow.tracking import Tracking
from azureml_local.routing import Routes
from azureml_local.state import ARTIFACTS, State, Workspace, inside
from azureml_local.store import Resource
from azureml_local.studio import access, scoring_form, views
from azureml_local.studio.pages import page

BASE = "/studio/{key}"
LOGS = (records.LOG, records.EXECUTION_LOG, records.SCORING_LOG)
LOG_BYTES = 200_000
"""Of a log on a page; its beginning is left out where it is longer."""
IMAGES = ("image/png", "image/jpeg", "image/gif")
ENDPOINT_KINDS = {
    "online": (*views.ONLINE, views.online),
    "batch": (*views.BATCH, views.batch),
}
TITLES = {
    "models": "Models",
    "data": "Data",
    "environments": "Environments",
    "components": "Components",
}
UI_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'none'"
)
"""MLflow's own pages: their scripts stand inline, and may ask nobody but this server."""

Shown = Callable[[Request, Workspace], Awaitable[Response]]


class Studio:
    """The pages of all workspaces."""

    def __init__(self, state: State, tracking: Tracking, authorities: Path) -> None:
        """Make the pages.

        Args:
            state: the server's state.
            tracking: where runs' metrics are read.
            authorities: the authorities by which this server trusts itself.
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

    def _add(self, method: str, path: str, title: str, shown: Shown) -> None:
        async def handler(request: Request) -> Response:
            try:
                led_on = access.admit(self._state, request, request.path_params["key"])
                if led_on is not None:
                    return led_on
                return await shown(
                    request, self._state.workspace_by_key(request.path_params["key"])
                )
            except AzureError as error:
                return _refused(error)

        self._routes.add(method, BASE + path, f"Studio - {title}")(handler)

    async def _workspaces(self, request: Request) -> Response:
        try:
            led_on = access.admit(self._state, request)
        except AzureError as error:
            return _refused(error)
        found = self._state.workspaces()
        return led_on or page("workspaces", workspace=None, base="", section="", workspaces=found)

    async def _home(self, request: Request, workspace: Workspace) -> Response:
        return RedirectResponse(f"{access.ROOT}{workspace.key}/jobs", 303)

    def _page(self, template: str, workspace: Workspace, section: str, **values: Any) -> Response:
        base = f"{access.ROOT}{workspace.key}"
        return page(template, workspace=workspace, base=base, section=section, **values)

    # Jobs.

    async def _jobs(self, request: Request, workspace: Workspace) -> Response:
        found = views.jobs(self._state, workspace)
        return self._page("jobs", workspace, "jobs", jobs=found)

    async def _job(self, request: Request, workspace: Workspace) -> Response:
        state, name = self._state, request.path_params["name"]
        job = records.find(state, workspace, name)
        over = (
            job.body["status"] in records.FINAL_STATUSES
        )  # before the log is read, or its end is missed
        log, read = await run_in_threadpool(self._read_log, workspace, job, None)
        outputs = {
            key: await run_in_threadpool(views.files, state.local_path(workspace, uri))
            for key, uri in (job.body.get("outputs") or {}).items()
        }
        folder = state.container(workspace, ARTIFACTS) / run_artifacts_path(job.name)
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
            run=await self._run(workspace, job),
            steps=records.children(state, workspace, job.name),
        )

    async def _run(self, workspace: Workspace, job: Resource) -> dict[str, Any] | None:
        """A job's run as MLflow has it; None where there is none."""
        if not job.body.get("tracked"):
            return None
        client = await self._tracking.client(workspace)
        answer = await client.get("/api/2.0/mlflow/runs/get", params={"run_id": job.name})
        if answer.status_code != 200:
            return None
        run: dict[str, Any] = answer.json()["run"]
        run["data"] = {"metrics": [], "params": [], **run.get("data", {})}
        return run

    async def _log(self, request: Request, workspace: Workspace) -> Response:
        """What was added to a job's log since the byte ``from``, and the job's status."""
        job = records.find(self._state, workspace, request.path_params["name"])
        over = job.body["status"] in records.FINAL_STATUSES
        given = request.query_params.get("from", "0")
        start = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0
        text, read = await run_in_threadpool(self._read_log, workspace, job, start)
        status = {"x-status": job.body["status"], "x-over": str(over).lower(), "x-next": str(read)}
        headers = access.headers(access.nonce()) | status
        return Response(text, media_type="text/plain; charset=utf-8", headers=headers)

    def _read_log(self, workspace: Workspace, job: Resource, start: int | None) -> tuple[str, int]:
        """A job's log from a byte on, or its end; and the byte up to which it was read."""
        folder = self._state.container(workspace, ARTIFACTS) / run_artifacts_path(job.name)
        log = next((p for name in LOGS if (p := folder / name).is_file()), None)
        if log is None:
            return "", 0
        # A letter of several bytes that is not whole yet is read the next time.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES) if start is None else min(start, size))
            text = decoder.decode(file.read(LOG_BYTES))
            return text, file.tell() - len(decoder.getstate()[0])

    async def _artifact(self, request: Request, workspace: Workspace) -> Response:
        params = request.path_params
        folder = self._state.container(workspace, ARTIFACTS)
        return _file(inside(folder, f"{run_artifacts_path(params['name'])}/{params['path']}"))

    async def _output(self, request: Request, workspace: Workspace) -> Response:
        params = request.path_params
        job = records.find(self._state, workspace, params["name"])
        uri = (job.body.get("outputs") or {}).get(params["output"])
        if uri is None:
            raise NotFound(f"job {job.name} has no output {params['output']}")
        root = self._state.local_path(workspace, uri)
        return _file(root if root.is_file() else inside(root, params["path"]))

    # Endpoints.

    async def _endpoints(self, request: Request, workspace: Workspace) -> Response:
        kinds = {
            kind: [
                (each, shown(self._state, each, deployments))
                for each in self._state.store.entries(workspace.key, endpoints)
            ]
            for kind, (endpoints, deployments, shown) in ENDPOINT_KINDS.items()
        }
        return self._page("endpoints", workspace, "endpoints", kinds=kinds)

    async def _endpoint(self, request: Request, workspace: Workspace) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        endpoints, deployments, shown = ENDPOINT_KINDS.get(kind, ("", "", views.online))
        found = self._state.store.get(workspace.key, endpoints, name)
        if found is None:
            raise NotFound(f"there is no {kind} endpoint {name}")
        asked = scoring_form.Ask(scoring_form.EXAMPLE, "")
        answer = None
        if request.method == "POST" and kind == "online":
            asked = await scoring_form.read(request)
            answer = await scoring_form.send(
                self._state, self._authorities, workspace, found, asked
            )
        address = f"{self._state.url}/{kind}/{workspace.key}/{found.name}/"
        return self._page(
            "endpoint",
            workspace,
            "endpoints",
            kind=kind,
            endpoint=found,
            address=address + ("score" if kind == "online" else "jobs"),
            deployments=shown(self._state, found, deployments),
            answer=answer,
            body=asked.body,
            chosen=asked.deployment,
        )

    # Assets and schedules.

    async def _assets(self, request: Request, workspace: Workspace) -> Response:
        kind = _kind(request)
        found = [
            each
            for each in reversed(self._state.store.entries(workspace.key, kind))
            if each.name not in assets.ANONYMOUS_NAMES
        ]
        return self._page("assets", workspace, f"assets/{kind}", title=TITLES[kind], found=found)

    async def _asset(self, request: Request, workspace: Workspace) -> Response:
        kind, params = _kind(request), request.path_params
        found = assets.find(self._state, workspace, kind, params["name"], params["version"])
        return self._page(
            "asset",
            workspace,
            f"assets/{kind}",
            found=found,
            versions=self._state.store.entries(workspace.key, kind, found.name),
            lineage=await run_in_threadpool(views.lineage, self._state, workspace, found),
        )

    async def _compute(self, request: Request, workspace: Workspace) -> Response:
        found = views.computes(self._state, workspace)
        return self._page("compute", workspace, "compute", computes=found)

    async def _schedules(self, request: Request, workspace: Workspace) -> Response:
        found = self._state.store.entries(workspace.key, "schedules")
        return self._page("schedules", workspace, "schedules", schedules=found)

    # MLflow.

    async def _mlflow(self, request: Request, workspace: Workspace) -> Response:
        path = request.path_params["path"]
        if registry.PATH.match(path):
            view = ModelView(PLAIN_MODELS)
            return await registry.answer(self._state, workspace, view, request)
        answer = await forward(self._tracking, workspace, request, path)
        answer.headers["content-security-policy"] = UI_POLICY
        answer.headers["x-content-type-options"] = "nosniff"
        return answer


def register(routes: Routes, state: State, tracking: Tracking, authorities: Path) -> None:
    """Add the operations of this module."""
    Studio(state, tracking, authorities).register(routes)


def _kind(request: Request) -> str:
    kind = request.path_params["kind"].lower()
    if kind not in TITLES:
        raise NotFound(f"there are no assets of kind {kind}")
    return str(kind)


def _file(path: Path) -> Response:
    """A file of a job: texts and pictures to look at, anything else to save."""
    if not path.is_file():
        raise NotFound(f"there is no file {unquote(path.name)}")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "application/json" or _is_text(path)
    # What a job wrote never runs as a page of this server.
    shown = kind if kind in IMAGES else "text/plain; charset=utf-8" if text else kind
    headers = access.headers(access.nonce())
    way = "inline" if shown.startswith(("text/plain", *IMAGES)) else "attachment"
    return FileResponse(
        path, media_type=shown, headers=headers, filename=path.name, content_disposition_type=way
    )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096)
    return b"\0" not in start and bool(start.decode("utf-8", "ignore"))


def _refused(error: AzureError) -> Response:
    titles = {403: "This page is not open to you", 404: "There is no such page"}
    return page(
        "refused",
        error.status,
        workspace=None,
        base="",
        section="",
        title=titles.get(error.status, "That did not work"),
        message=error.message,
    )
