"""The pages and their addresses; each page checks access first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from azureml_local.errors import AzureError
from azureml_local.mlflow import registry
from azureml_local.mlflow.entities import ModelView
from azureml_local.mlflow.routes import PLAIN_MODELS, forward
from azureml_local.mlflow.tracking import Tracking
from azureml_local.routing import Routes
from azureml_local.schedules.service import KIND as SCHEDULES
from azureml_local.state import State, Workspace
from azureml_local.studio import access, asset_pages, endpoint_pages, job_pages, views
from azureml_local.studio.pages import page, workspace_page

BASE = "/studio/{key}"
UI_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'none'"
)
"""The policy of MLflow's pages: inline scripts, and requests to this server only."""

PageHandler = Callable[[Request, Workspace], Awaitable[Response]]


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
        self._jobs = job_pages.JobPages(tracking)
        self._endpoints = endpoint_pages.EndpointPages(authorities)

    def register(self, routes: Routes) -> None:
        """Add the operations."""
        self._routes = routes
        routes.add("GET", access.ROOT, "Studio - Workspaces")(self._workspaces)
        self._add("GET", "", "Workspace", self._home)
        jobs, endpoints = self._jobs, self._endpoints
        self._add("GET", "/jobs", "Jobs", jobs.list)
        self._add("GET", "/jobs/{name}", "Job", jobs.job)
        self._add("GET", "/jobs/{name}/log", "Log of a job", job_pages.log)
        self._add("GET", "/jobs/{name}/artifacts/{path:path}", "Artifact", job_pages.artifact)
        self._add("GET", "/jobs/{name}/outputs/{output}/{path:path}", "Output", job_pages.output)
        self._add("GET", "/endpoints", "Endpoints", endpoints.list)
        self._add("GET|POST", "/endpoints/{kind}/{name}", "Endpoint", endpoints.endpoint)
        self._add(
            "GET",
            "/endpoints/online/{name}/{deployment}/log",
            "Log of a deployment",
            endpoint_pages.deployment_log,
        )
        self._add("GET", "/assets/{kind}", "Assets", asset_pages.assets)
        self._add("GET", "/assets/{kind}/{name}/{version}", "Asset", asset_pages.asset)
        self._add(
            "GET",
            "/assets/data/{name}/{version}/files/{path:path}",
            "File of data",
            asset_pages.data_file,
        )
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

    async def _compute(self, request: Request, workspace: Workspace) -> Response:
        computes = views.computes(workspace)
        return workspace_page("compute", workspace, "compute", computes=computes)

    async def _schedules(self, request: Request, workspace: Workspace) -> Response:
        schedules = workspace.documents.entries(SCHEDULES)
        return workspace_page("schedules", workspace, "schedules", schedules=schedules)

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
