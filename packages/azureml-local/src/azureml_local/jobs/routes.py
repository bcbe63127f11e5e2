"""The operations on jobs, and the run history that ``stream`` and ``download`` read."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.assets import matches_list_view
from azureml_local.errors import BadRequest, Conflict
from azureml_local.jobs import command_jobs, pipeline_jobs, plans, records, validation
from azureml_local.jobs.runner import Runner
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace, json_of, object_of
from azureml_local.store import Resource

HISTORY = f"/history/v1.0{WORKSPACE}"
CHANGEABLE = ("tags", "displayName", "description", "isArchived", "properties")


def create(
    state: State,
    runner: Runner,
    workspace: Workspace,
    name: str,
    properties: dict[str, Any],
    **beside: Any,
) -> Resource:
    """Accept a new job and run it in the background.

    Args:
        state: the server's state.
        runner: what runs it.
        workspace: where.
        name: what it is called.
        properties: the job as the API has it.
        beside: what else its document says: the schedule that started it.

    Raises:
        AzureError: it cannot be run; in words.
    """
    validation.check(state, workspace, name, properties)
    body = {
        "properties": properties,
        "status": "NotStarted",
        "submitted": records.utc_now(),
        **beside,
    }
    if properties["jobType"] == "Pipeline":
        plan = plans.Plan.read(state, workspace, properties)
        found = state.store.put(workspace.key, records.KIND, name, "", body)
        state.background(pipeline_jobs.run_pipeline(state, runner, workspace, name, plan))
    else:
        found = state.store.put(workspace.key, records.KIND, name, "", body)
        state.background(command_jobs.run_command_job(runner, state, workspace, name))
    return found


def register(routes: Routes, state: State, runner: Runner) -> None:
    """Add the operations of this module."""

    @routes.add(
        "PUT",
        WORKSPACE + "/jobs/{name}",
        "Jobs - Create or update",
        partly="command jobs, and pipelines of command components",
    )
    async def put(request: Request) -> Response:
        workspace, name = state.workspace(request), records.job_name(request)
        properties = object_of(await json_of(request), "properties")
        old = state.store.get(workspace.key, records.KIND, name)
        if old is not None:
            return JSONResponse(records.document(state, workspace, _changed(old, properties)))
        found = create(state, runner, workspace, name, properties)
        return JSONResponse(records.document(state, workspace, found), status_code=201)

    def _changed(old: Resource, properties: dict[str, Any]) -> Resource:
        for key in ("jobType", "command", "jobs"):
            if properties.get(key) != old.body["properties"].get(key):
                raise Conflict(
                    f"Job {old.name} exists already; a job cannot be changed.", "UserError"
                )
        merged = old.body["properties"] | {
            key: properties[key] for key in CHANGEABLE if key in properties
        }
        return records.update(
            state, state.workspace_by_key(old.workspace), old.name, properties=merged
        )

    @routes.add("GET", WORKSPACE + "/jobs/{name}", "Jobs - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        found = records.find(state, workspace, records.job_name(request))
        return JSONResponse(records.document(state, workspace, found))

    @routes.add("GET", WORKSPACE + "/jobs", "Jobs - List")
    async def list_all(request: Request) -> Response:
        workspace, query = state.workspace(request), request.query_params
        kind = query.get("jobType", "").lower()
        found = [
            each
            for each in reversed(state.store.entries(workspace.key, records.KIND))
            if not each.body.get("parent")
            and matches_list_view(request, each.body["properties"])
            and (not kind or each.body["properties"]["jobType"].lower() == kind)
            and query.get("scheduleId", each.body.get("schedule")) == each.body.get("schedule")
            and (query.get("scheduled") != "true" or each.body.get("schedule"))
            and (not query.get("tag") or query["tag"] in _tags(each))
        ]
        return JSONResponse({"value": [records.document(state, workspace, each) for each in found]})

    @routes.add("POST", WORKSPACE + "/jobs/{name}/cancel", "Jobs - Cancel")
    async def cancel(request: Request) -> Response:
        await runner.cancel(state.workspace(request), records.job_name(request))
        return Response(status_code=200)

    @routes.add("GET", HISTORY + "/runs/{name}/details", "Run history - Details")
    async def details(request: Request) -> Response:
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}", "Run history - Get")
    async def run(request: Request) -> Response:
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}/children", "Run history - Children")
    async def children(request: Request) -> Response:
        workspace, parent = state.workspace(request), records.job_name(request)
        records.find(state, workspace, parent)
        found = records.children(state, workspace, parent)
        return JSONResponse({"value": [records.run_history(state, workspace, e) for e in found]})

    @routes.add("PATCH", HISTORY + "/experiments/{experiment}/runs/{name}", "Run history - Update")
    async def patch(request: Request) -> Response:
        workspace, name = state.workspace(request), records.job_name(request)
        body = await json_of(request)
        properties = records.find(state, workspace, name).body["properties"]
        changes: dict[str, Any] = {
            key: body[key] for key in ("displayName", "description") if key in body
        }
        if "tags" in body:
            changes["tags"] = {**(properties.get("tags") or {}), **object_of(body, "tags")}
        if "hidden" in body:
            changes["isArchived"] = bool(body["hidden"])
        found = records.update(state, workspace, name, properties=properties | changes)
        return JSONResponse(records.run_history(state, workspace, found))

    @routes.add("POST", HISTORY + "/rundata", "Run history - Run data")
    async def rundata(request: Request) -> Response:
        workspace = state.workspace(request)
        found = records.find(state, workspace, str((await json_of(request)).get("runId")))
        return JSONResponse({"runMetadata": records.run_history(state, workspace, found)})

    @routes.add(
        "POST",
        f"/data/v1.0{WORKSPACE}/dataversion/batchGetResolvedUris",
        "Data - Resolve addresses",
    )
    async def resolve(request: Request) -> Response:
        workspace = state.workspace(request)
        wanted = (await json_of(request)).get("values") or []
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise BadRequest("values must be a list of ids", target="values")
        for each in wanted:
            state.local_path(workspace, each)  # refuses what is no address of this workspace
        values = {each: {"uri": each, "type": "uri_folder"} for each in wanted}
        return JSONResponse({"values": values})

    def _history(request: Request) -> dict[str, Any]:
        workspace = state.workspace(request)
        found = records.find(state, workspace, records.job_name(request))
        return records.run_history(state, workspace, found)


def _tags(found: Resource) -> list[str]:
    """A job's tags as a list is asked for them: ``name`` and ``name=value``."""
    tags = found.body["properties"].get("tags") or {}
    return [*tags, *(f"{name}={value}" for name, value in tags.items())]
