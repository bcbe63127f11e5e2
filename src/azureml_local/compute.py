"""Compute: clusters and instances as documents. Jobs run on this machine whatever they name."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import LOCATION, State, Workspace, json_of
from azureml_local.store import Resource

KIND = "computes"
ONE = WORKSPACE + "/computes/{name}"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("PUT|PATCH", ONE, "Compute - Create or update")
    async def put(request: Request) -> Response:
        workspace, body = state.workspace(request), await json_of(request)
        name = request.path_params["name"]
        found = state.store.put(workspace.key, KIND, name, "", body)
        return JSONResponse(_shown(workspace, found), status_code=201)

    @routes.add("GET", ONE, "Compute - Get")
    async def get(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        found = state.store.get(workspace.key, KIND, name)
        if found is None:
            raise NotFound(f"Compute {name} was not found in workspace {workspace.name}.")
        return JSONResponse(_shown(workspace, found))

    @routes.add("GET", WORKSPACE + "/computes", "Compute - List")
    async def list_all(request: Request) -> Response:
        workspace = state.workspace(request)
        found = state.store.entries(workspace.key, KIND)
        return JSONResponse({"value": [_shown(workspace, each) for each in found]})

    @routes.add("DELETE", ONE, "Compute - Delete")
    async def delete(request: Request) -> Response:
        workspace = state.workspace(request)
        there = state.store.delete(workspace.key, KIND, request.path_params["name"])
        return Response(status_code=200 if there else 204)


def _shown(workspace: Workspace, found: Resource) -> dict[str, Any]:
    properties = found.body.get("properties", {})
    return {
        "id": f"{workspace.path}/computes/{found.name}",
        "name": found.name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": LOCATION,
        "tags": found.body.get("tags") or {},
        "properties": {
            "computeType": "AmlCompute",
            "properties": {},
            **properties,
            "provisioningState": "Succeeded",
            "createdOn": found.created,
            "modifiedOn": found.modified,
        },
    }
