"""The pages of endpoints: the list, an online endpoint with its request form, a batch endpoint."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from azureml_local.endpoints import BATCH, ONLINE
from azureml_local.errors import BadRequest, NotFound
from azureml_local.online.access import auth_mode
from azureml_local.state import Workspace
from azureml_local.studio import endpoint_views, request_samples, scoring_form
from azureml_local.studio.file_responses import text_response
from azureml_local.studio.listing import Column, Filter, Table, by_text, list_rows
from azureml_local.studio.pages import workspace_page

SECTION = "endpoints"
ENDPOINTS: Table[endpoint_views.EndpointRow] = Table(
    [
        Column("Endpoint", "name", lambda row: by_text(row.name)),
        Column("Kind", "kind", lambda row: by_text(row.kind)),
        Column("State", "state", lambda row: by_text(row.state)),
        Column("Authentication", "auth", lambda row: by_text(row.auth_mode)),
        Column("Deployments"),
        Column("Created (UTC)", "created", lambda row: by_text(row.created)),
    ],
    lambda row: row.name,
    [
        Filter("kind", "Kind", lambda row: [row.kind]),
        Filter("auth", "Authentication", lambda row: [row.auth_mode]),
    ],
    sort="created",
)


class EndpointPages:
    """The pages of endpoints; ``authorities`` are the CAs for requests to this server itself."""

    def __init__(self, authorities: Path) -> None:
        self._authorities = authorities

    async def list(self, request: Request, workspace: Workspace) -> Response:
        """The online and the batch endpoints."""
        rows = await run_in_threadpool(endpoint_views.endpoint_rows, workspace)
        listing = list_rows(ENDPOINTS, rows, request.query_params)
        return workspace_page("endpoints", workspace, SECTION, listing=listing)

    async def endpoint(self, request: Request, workspace: Workspace) -> Response:
        """An endpoint with its deployments."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        if kind == "online":
            return await self._online(request, workspace, name)
        if kind != "batch":
            raise NotFound(f"{kind.title()} endpoint {name} was not found.")
        if request.method == "POST":
            raise BadRequest("a batch endpoint has no request form")
        endpoint = BATCH.find(workspace, name)
        return workspace_page(
            "batch_endpoint",
            workspace,
            SECTION,
            endpoint=endpoint,
            address=f"{workspace.state.url}/batch/{workspace.key}/{endpoint.name}/jobs",
            deployments=endpoint_views.batch_deployments(endpoint),
            jobs=endpoint_views.endpoint_jobs(workspace, endpoint),
        )

    async def _online(self, request: Request, workspace: Workspace, name: str) -> Response:
        endpoint = ONLINE.find(workspace, name)
        deployments = await run_in_threadpool(endpoint_views.online_deployments, endpoint)
        form = scoring_form.ScoringForm("", request.query_params.get("deployment", ""))
        answer = None
        if request.method == "POST":
            form = await scoring_form.read_form(request)
            answer = await scoring_form.send_request(self._authorities, endpoint, form)
        names = [each.name for each in deployments]
        chosen = form.deployment if form.deployment in names else ""
        fitting = chosen or endpoint_views.most_used(deployments)
        sample = await request_samples.request_sample(
            self._authorities, endpoint, ONLINE.deployment(workspace, endpoint.name, fitting)
        )
        address = f"{workspace.state.url}/online/{workspace.key}/{endpoint.name}/score"
        body = form.body or sample.body
        return workspace_page(
            "online_endpoint",
            workspace,
            SECTION,
            endpoint=endpoint,
            mode=endpoint_views.AUTH_MODES[auth_mode(endpoint)],
            address=address,
            deployments=deployments,
            answer=answer,
            body=body,
            chosen=chosen,
            fitting=fitting,
            sample=sample,
            code=request_samples.sample_code(endpoint, address, chosen or fitting, body),
        )


async def deployment_log(request: Request, workspace: Workspace) -> Response:
    """The log of an online deployment, as ``get_logs`` of the SDK returns it."""
    params = request.path_params
    deployment = ONLINE.require_deployment(workspace, params["name"], params["deployment"])
    return text_response(await run_in_threadpool(endpoint_views.deployment_log, deployment))
