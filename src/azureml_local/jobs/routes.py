"""The operations on jobs, and the run history that ``stream`` and ``download`` read."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import Conflict, NotSupported
from azureml_local.jobs import records
from azureml_local.jobs.runner import Runner
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, json_of

HISTORY = f"/history/v1.0{WORKSPACE}"


def register(routes: Routes, state: State, runner: Runner) -> None:
    """Add the operations of this module."""

    @routes.add("PUT", WORKSPACE + "/jobs/{name}", "Jobs - Create or update")
    async def put(request: Request) -> Response:
        workspace, name = state.workspace(request), records.named_in(request)
        properties = (await json_of(request)).get("properties", {})
        kind = properties.get("jobType")
        if kind != "Command":
            raise NotSupported(f"azureml-local runs command jobs; {kind} jobs it does not")
        if properties.get("distribution"):
            raise NotSupported("azureml-local runs a job on one machine: take distribution out")
        old = state.store.get(workspace.key, records.KIND, name)
        if old is not None:
            if properties.get("command") != old.body["properties"].get("command"):
                raise Conflict(f"Job {name} exists already; a job cannot be changed.")
            merged = old.body["properties"] | {
                key: properties[key]
                for key in ("tags", "displayName", "description", "isArchived")
                if key in properties
            }
            found = records.change(state, workspace, name, properties=merged)
            return JSONResponse(records.document(state, workspace, found))
        body = {"properties": properties, "status": "Starting", "submitted": records.now()}
        found = state.store.put(workspace.key, records.KIND, name, "", body)
        runner.submit(workspace, name)
        return JSONResponse(records.document(state, workspace, found), status_code=201)

    @routes.add("GET", WORKSPACE + "/jobs/{name}", "Jobs - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        found = records.find(state, workspace, records.named_in(request))
        return JSONResponse(records.document(state, workspace, found))

    @routes.add("GET", WORKSPACE + "/jobs", "Jobs - List")
    async def list_all(request: Request) -> Response:
        workspace = state.workspace(request)
        found = reversed(state.store.entries(workspace.key, records.KIND))
        return JSONResponse(
            {
                "value": [
                    records.document(state, workspace, each)
                    for each in found
                    if not each.body.get("parent")
                ]
            }
        )

    @routes.add("POST", WORKSPACE + "/jobs/{name}/cancel", "Jobs - Cancel")
    async def cancel(request: Request) -> Response:
        await runner.cancel(state.workspace(request), records.named_in(request))
        return Response(status_code=200)

    @routes.add("GET", HISTORY + "/runs/{name}/details", "Run history - Details")
    async def details(request: Request) -> Response:
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}", "Run history - Get")
    async def run(request: Request) -> Response:
        return JSONResponse(_history(request))

    @routes.add("GET", HISTORY + "/runs/{name}/children", "Run history - Children")
    async def children(request: Request) -> Response:
        workspace, parent = state.workspace(request), records.named_in(request)
        records.find(state, workspace, parent)
        found = [
            records.history(state, workspace, each)
            for each in state.store.entries(workspace.key, records.KIND)
            if each.body.get("parent") == parent
        ]
        return JSONResponse({"value": found})

    @routes.add("PATCH", HISTORY + "/experiments/{experiment}/runs/{name}", "Run history - Update")
    async def patch(request: Request) -> Response:
        workspace, name = state.workspace(request), records.named_in(request)
        body = await json_of(request)
        properties = records.find(state, workspace, name).body["properties"]
        changes: dict[str, Any] = {
            key: body[key] for key in ("displayName", "description") if key in body
        }
        if "tags" in body:
            changes["tags"] = {**properties.get("tags", {}), **(body["tags"] or {})}
        if "hidden" in body:
            changes["isArchived"] = body["hidden"]
        found = records.change(state, workspace, name, properties=properties | changes)
        return JSONResponse(records.history(state, workspace, found))

    @routes.add("POST", HISTORY + "/rundata", "Run history - Run data")
    async def rundata(request: Request) -> Response:
        workspace = state.workspace(request)
        found = records.find(state, workspace, str((await json_of(request)).get("runId")))
        # Without outputs here the SDK looks into the default datastore, where they are.
        return JSONResponse({"runMetadata": records.history(state, workspace, found)})

    def _history(request: Request) -> dict[str, Any]:
        workspace = state.workspace(request)
        found = records.find(state, workspace, records.named_in(request))
        return records.history(state, workspace, found)
