"""Compute: what is named is remembered, and says how many jobs run side by side.

Everything runs on this machine. A cluster's ``max_instances`` is the number of its jobs at a time,
an instance runs one at a time; the others wait in the queue as on Azure. Unless the server is
strict, a compute that a job names comes to be when it is first used, as workspaces do.
"""

from __future__ import annotations

import os
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import BadRequest, NotFound, NotSupported
from azureml_local.operations import Operations
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import LOCATION, State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource

KIND = "computes"
ONE = WORKSPACE + "/computes/{name}"
NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]\Z")
CLUSTER, INSTANCE = "AmlCompute", "ComputeInstance"
SERVERLESS = ""
"""The name under which jobs without compute are counted."""
STATES = {"start": "Running", "restart": "Running", "stop": "Stopped"}


def register(routes: Routes, state: State, operations: Operations) -> None:
    """Add the operations of this module."""

    @routes.add("PUT|PATCH", ONE, "Compute - Create or update")
    async def put(request: Request) -> Response:
        workspace, body = state.workspace(request), await json_of(request)
        name = request.path_params["name"]
        if not NAME.match(name):
            raise BadRequest(
                f"Compute name {name!r} is not valid: 3 to 32 letters, digits and hyphens, "
                "a letter first and no hyphen last",
                "UserError",
                target="name",
            )
        old = state.store.get(workspace.key, KIND, name)
        kept = {"tags": object_of(body, "tags"), "properties": _checked(old, body)}
        found = state.store.put(workspace.key, KIND, name, "", kept)
        return JSONResponse(_shown(workspace, found), status_code=200 if old else 201)

    @routes.add("GET", ONE, "Compute - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_shown(workspace, find(state, workspace, request.path_params["name"])))

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

    for verb, becomes in STATES.items():
        _switch(routes, state, operations, verb, becomes)


def _switch(routes: Routes, state: State, operations: Operations, verb: str, becomes: str) -> None:
    @routes.add("POST", f"{ONE}/{verb}", f"Compute - {verb.title()}")
    async def switch(request: Request) -> Response:
        workspace = state.workspace(request)
        found = find(state, workspace, request.path_params["name"])
        if found.body["properties"]["computeType"] != INSTANCE:
            raise BadRequest(f"{found.name} is no compute instance", "UserError")
        found.body["properties"]["properties"]["state"] = becomes
        state.store.put(workspace.key, KIND, found.name, "", found.body)
        operation = operations.start(workspace)
        operations.finish(workspace, operation)
        # Nothing but 202 will do for these, though all is done.
        return Response(status_code=202, headers=operations.polling_headers(workspace, operation))


def compute_name(compute: str) -> str:
    """The compute's name in a job's ``computeId``: a resource id or ``azureml:name``."""
    return compute.rsplit("/", 1)[-1].removeprefix("azureml:")


def max_concurrent_jobs(state: State, workspace: Workspace, name: str) -> int:
    """How many jobs run at a time.

    Args:
        state: the server's state.
        workspace: where the compute is.
        name: its name; :data:`SERVERLESS` for jobs without compute.

    Raises:
        NotFound: there is none, and the server is strict about that.
        BadRequest: it is an instance that was stopped.
    """
    most = max(4, os.cpu_count() or 1)
    if name == SERVERLESS:
        return most
    found = state.store.get(workspace.key, KIND, name)
    if found is None:
        if state.strict:
            raise NotFound(
                f"Compute {name} was not found in workspace {workspace.name}.",
                "UserError",
                target="computeId",
            )
        scale = {"minNodeCount": 0, "maxNodeCount": most}
        body = {"computeType": CLUSTER, "properties": {"vmSize": "local", "scaleSettings": scale}}
        found = state.store.put(workspace.key, KIND, name, "", {"tags": {}, "properties": body})
    inner = found.body["properties"]["properties"]
    if found.body["properties"]["computeType"] == INSTANCE:
        if inner.get("state") == "Stopped":
            raise BadRequest(f"Compute instance {name} is stopped.", "UserError")
        return 1
    return int(inner["scaleSettings"]["maxNodeCount"])


def find(state: State, workspace: Workspace, name: str) -> Resource:
    """A compute by its name.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, KIND, name)
    if found is None:
        raise NotFound(f"Compute {name} was not found in workspace {workspace.name}.")
    return found


def _checked(old: Resource | None, body: dict[str, Any]) -> dict[str, Any]:
    """A compute's properties, with what it had before where nothing is said."""
    given = object_of(body, "properties")
    before = old.body["properties"] if old else {}
    kind = text_of(given, "computeType", before.get("computeType", CLUSTER))
    if kind not in (CLUSTER, INSTANCE):
        raise NotSupported(f"Compute - Create: azureml-local has no compute of type {kind}")
    if old is not None and kind != before["computeType"]:
        raise BadRequest(f"{old.name} is of type {before['computeType']}", "UserError")
    inner = {**before.get("properties", {}), **object_of(given, "properties")}
    if kind == INSTANCE:
        inner.setdefault("state", "Running")
    else:
        inner["scaleSettings"] = _scale({"scaleSettings": inner.get("scaleSettings")})
    return {**before, **given, "computeType": kind, "properties": inner}


def _scale(inner: dict[str, Any]) -> dict[str, Any]:
    scale = object_of(inner, "scaleSettings")
    least, most = scale.get("minNodeCount", 0), scale.get("maxNodeCount", 1)
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (least, most))
    if not whole or not 0 <= least <= most or not 1 <= most <= 10_000:
        raise BadRequest(
            f"min_instances {least!r} and max_instances {most!r} are not valid: "
            "0 <= min_instances <= max_instances, and at least one instance",
            "UserError",
            target="scaleSettings",
        )
    return {**scale, "minNodeCount": least, "maxNodeCount": most}


def _shown(workspace: Workspace, found: Resource) -> dict[str, Any]:
    return {
        "id": f"{workspace.path}/computes/{found.name}",
        "name": found.name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": LOCATION,
        "tags": found.body.get("tags") or {},
        "properties": {
            **found.body["properties"],
            "provisioningState": "Succeeded",
            "createdOn": found.created,
            "modifiedOn": found.modified,
        },
    }
