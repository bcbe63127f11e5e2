"""Compute: clusters and instances, which limit how many jobs run at the same time.

All jobs run on this machine. A cluster runs at most ``max_instances`` jobs at the same time, an
instance one; further jobs are queued. Unless the server is strict, a cluster is created on first
use, like a workspace.
"""

from __future__ import annotations

import os
import re
from typing import TypedDict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource, Identity
from azureml_local.errors import BadRequest, NotFound, NotSupported
from azureml_local.identity import auth
from azureml_local.json_fields import JsonObject, as_document, json_of, object_of, text_of
from azureml_local.operations import Operations
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import LOCATION, State, Workspace
from azureml_local.store import Kind, Resource

ONE = WORKSPACE + "/computes/{name}"
NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]\Z")
CLUSTER, INSTANCE = "AmlCompute", "ComputeInstance"
SERVERLESS = ""
"""The name for jobs without compute."""
STATES = {"start": "Running", "restart": "Running", "stop": "Stopped"}


class ScaleSettings(TypedDict, total=False):
    """The instances of a cluster."""

    minNodeCount: int
    maxNodeCount: int


IDENTITY_TYPES = {
    name.lower(): name
    for name in ("None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned")
}


class ComputeSettings(TypedDict, total=False):
    """The settings of a cluster or instance."""

    vmSize: str
    scaleSettings: ScaleSettings
    state: str
    """The state of an instance."""


class ComputeProperties(TypedDict, total=False):
    """The properties of a compute as the API has them."""

    computeType: str
    properties: ComputeSettings


class ComputeDocument(TypedDict, total=False):
    """A compute in the store."""

    tags: dict[str, str]
    location: str
    identity: Identity
    properties: ComputeProperties


KIND = Kind[ComputeDocument]("computes")
ComputeResource = Resource[ComputeDocument]


def register(routes: Routes, state: State, operations: Operations) -> None:
    """Add the operations of this module."""

    @routes.add("PUT|PATCH", ONE, "Compute - Create or update")
    async def put(request: Request) -> Response:
        workspace, body = state.workspace(request), await json_of(request)
        name = request.path_params["name"]
        if not NAME.match(name):
            raise BadRequest(
                f"compute name {name!r} is not valid: use 3 to 32 letters, digits and hyphens, "
                "start with a letter and do not end with a hyphen",
                "UserError",
                target="name",
            )
        old = workspace.documents.get(KIND, name)
        if old is None and request.method == "PATCH":
            old = workspace.require(KIND, name, "Compute")
        properties = _validate_properties(old, body)
        location = text_of(body, "location") or (old.body.get("location", "") if old else "")
        tags = old.body.get("tags", {}) if old and "tags" not in body else object_of(body, "tags")
        new = {
            "tags": tags,
            "location": location,
            **_read_identity(body, old if request.method == "PATCH" else None),
            "properties": properties,
        }
        target = workspace.documents.put(KIND, name, as_document(ComputeDocument, new))
        state.on_compute_changed(workspace, name)  # a larger cluster starts queued jobs
        return JSONResponse(
            _render_compute(workspace, target),
            status_code=200 if old else 201,
            headers=operations.completed_headers(workspace),
        )

    @routes.add("GET", ONE, "Compute - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(
            _render_compute(
                workspace, workspace.require(KIND, request.path_params["name"], "Compute")
            )
        )

    @routes.add("GET", WORKSPACE + "/computes", "Compute - List")
    async def list_all(request: Request) -> Response:
        workspace = state.workspace(request)
        computes = workspace.documents.entries(KIND)
        return JSONResponse({"value": [_render_compute(workspace, target) for target in computes]})

    @routes.add("DELETE", ONE, "Compute - Delete")
    async def delete(request: Request) -> Response:
        workspace = state.workspace(request)
        existed = workspace.documents.delete(KIND, request.path_params["name"])
        return Response(status_code=200 if existed else 204)

    for action, new_state in STATES.items():
        _register_action(routes, state, operations, action, new_state)


def _read_identity(body: JsonObject, old: ComputeResource | None) -> dict[str, Identity]:
    """The identity of a request as a field; without one, that of the compute that it updates."""
    assigned = object_of(body, "identity")
    if "identity" not in body and old is not None and "identity" in old.body:
        return {"identity": old.body["identity"]}
    text = text_of(assigned, "type", "None")
    kind = IDENTITY_TYPES.get(text.replace(" ", "").lower())
    if kind is None:
        raise BadRequest(
            f"identity type {text!r} is not valid: use {', '.join(IDENTITY_TYPES.values())}",
            "UserError",
            target="identity.type",
        )
    if kind == "None":
        return {}
    identity: Identity = {"type": kind}
    if "SystemAssigned" in kind:
        identity["principalId"] = auth.TENANT
    if names := object_of(assigned, "userAssignedIdentities"):
        ids = {"principalId": auth.TENANT, "clientId": auth.TENANT}
        identity["userAssignedIdentities"] = dict.fromkeys(names, ids)
    return {"identity": identity}


def _register_action(
    routes: Routes, state: State, operations: Operations, action: str, new_state: str
) -> None:
    @routes.add("POST", f"{ONE}/{action}", f"Compute - {action.title()}")
    async def act(request: Request) -> Response:
        workspace = state.workspace(request)
        target = workspace.require(KIND, request.path_params["name"], "Compute")
        if target.body["properties"]["computeType"] != INSTANCE:
            raise BadRequest(f"{target.name} is not a compute instance", "UserError")
        target.body["properties"]["properties"]["state"] = new_state
        workspace.documents.put(KIND, target.name, target.body)
        # The SDK accepts only 202 here, although the operation is complete.
        return Response(status_code=202, headers=operations.completed_headers(workspace))


def compute_name(compute: str) -> str:
    """The compute's name in a job's ``computeId``: a resource id or ``azureml:name``."""
    name = compute.rsplit("/", 1)[-1].removeprefix("azureml:")
    return SERVERLESS if name.lower() == "serverless" else name


def max_concurrent_jobs(workspace: Workspace, name: str) -> int:
    """How many jobs of a compute run at the same time.

    Args:
        workspace: the compute's workspace.
        name: its name; :data:`SERVERLESS` for jobs without compute.

    Raises:
        NotFound: it does not exist, and the server is strict.
        BadRequest: it is a stopped instance.
    """
    max_jobs = max(4, os.cpu_count() or 1)
    if name == SERVERLESS:
        return max_jobs
    target = workspace.documents.get(KIND, name)
    if target is None:
        if workspace.state.strict:
            raise NotFound(
                f"Compute {name} was not found in workspace {workspace.name}.",
                "UserError",
                target="computeId",
            )
        scale: ScaleSettings = {"minNodeCount": 0, "maxNodeCount": max_jobs}
        new: ComputeSettings = {"vmSize": "local", "scaleSettings": scale}
        properties: ComputeProperties = {"computeType": CLUSTER, "properties": new}
        target = workspace.documents.put(KIND, name, {"tags": {}, "properties": properties})
    settings = target.body["properties"]["properties"]
    if target.body["properties"]["computeType"] == INSTANCE:
        if settings.get("state") == "Stopped":
            raise BadRequest(f"Compute instance {name} is stopped.", "UserError")
        return 1
    return int(settings["scaleSettings"]["maxNodeCount"])


def _validate_properties(old: ComputeResource | None, body: JsonObject) -> ComputeProperties:
    """The properties of a compute: the new ones, and the old ones that are not changed."""
    properties = object_of(body, "properties")
    old_properties: ComputeProperties = old.body["properties"] if old else {}
    compute_type = text_of(properties, "computeType", old_properties.get("computeType", CLUSTER))
    if compute_type not in (CLUSTER, INSTANCE):
        raise NotSupported(f"Compute - Create: {compute_type} is not supported by azureml-local")
    if old is not None and compute_type != old_properties["computeType"]:
        raise BadRequest(f"{old.name} has type {old_properties['computeType']}", "UserError")
    settings = {**old_properties.get("properties", {}), **object_of(properties, "properties")}
    if compute_type == INSTANCE:
        settings.setdefault("state", "Running")
    else:
        settings["scaleSettings"] = _scale(object_of(settings, "scaleSettings"))
    new = {**old_properties, **properties, "computeType": compute_type, "properties": settings}
    return as_document(ComputeProperties, new)


def _scale(scale: JsonObject) -> JsonObject:
    min_nodes, max_nodes = scale.get("minNodeCount", 0), scale.get("maxNodeCount", 1)
    if (
        type(min_nodes) is not int
        or type(max_nodes) is not int
        or not 0 <= min_nodes <= max_nodes
        or not 1 <= max_nodes <= 10_000
    ):
        raise BadRequest(
            "scaleSettings: must be 0 <= min_instances <= max_instances and 1 <= max_instances "
            f"(got {min_nodes!r} and {max_nodes!r})",
            "UserError",
            target="scaleSettings",
        )
    return {**scale, "minNodeCount": min_nodes, "maxNodeCount": max_nodes}


def _render_compute(workspace: Workspace, target: ComputeResource) -> ArmResource:
    shown = workspace.document(
        f"computes/{target.name}",
        location=target.body.get("location") or LOCATION,
        tags=target.body.get("tags") or {},
        properties={
            **target.body["properties"],
            "provisioningState": "Succeeded",
            "createdOn": target.created,
            "modifiedOn": target.modified,
        },
    )
    if "identity" in target.body:
        shown["identity"] = target.body["identity"]
    return shown
