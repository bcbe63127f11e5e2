"""Operations on workspaces, and the discovery of their services."""

from __future__ import annotations

import re
import shutil
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import addresses, auth
from azureml_local.errors import NotSupported
from azureml_local.routing import GROUP, SUBSCRIPTION, WORKSPACE, WORKSPACES, Routes
from azureml_local.state import LOCATION, State, Workspace, json_of, object_of, workspace_key

ABOUT = ("tags", "description", "friendlyName")
OF_SUBSCRIPTION = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/workspaces"
TEMPLATES = "only templates that create a workspace"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{2,32}\Z")


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE, "Workspaces - Get")
    async def get(request: Request) -> Response:
        return JSONResponse(_workspace(state, state.workspace(request)))

    @routes.add("PATCH", WORKSPACE, "Workspaces - Update")
    async def update(request: Request) -> Response:
        workspace, body = state.workspace(request), await json_of(request)
        properties = {**object_of(body, "properties"), **body}
        changes = {key: properties[key] for key in ABOUT if properties.get(key) is not None}
        with state.store.transaction():
            resource = state.store.get("", "workspaces", workspace.key)
            state.store.put(
                "", "workspaces", workspace.key, "", (resource.body if resource else {}) | changes
            )
        return JSONResponse(_workspace(state, workspace))

    @routes.add("GET", WORKSPACES, "Workspaces - List")
    async def list_all(request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        workspaces = [
            _workspace(state, workspace)
            for workspace in state.workspaces()
            if workspace.subscription.lower() == subscription
            and workspace.group.lower() == request.path_params["group"].lower()
        ]
        return JSONResponse({"value": workspaces})

    @routes.add("GET", OF_SUBSCRIPTION, "Workspaces - List of a subscription")
    async def list_of_subscription(request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        workspaces = [
            workspace
            for workspace in state.workspaces()
            if workspace.subscription.lower() == subscription
        ]
        return JSONResponse({"value": [_workspace(state, workspace) for workspace in workspaces]})

    @routes.add("GET", GROUP, "Resource groups - Get")
    async def group(request: Request) -> Response:
        name = request.path_params["group"]
        return JSONResponse({"id": request.url.path, "name": name, "location": LOCATION})

    @routes.add("GET", "/discovery", "Discovery")
    async def discover(request: Request) -> Response:
        return JSONResponse({"api": state.url, "history": state.url, "studio": state.url})

    _creation(routes, state)


def _creation(routes: Routes, state: State) -> None:
    """The SDK creates a workspace by deploying a template to its resource group."""
    deployments = GROUP + "/providers/Microsoft.Resources/deployments/{name}"

    @routes.add("PUT", deployments, "Deployments of templates - Create", partly=TEMPLATES)
    async def deploy(request: Request) -> Response:
        params = request.path_params
        properties = object_of(await json_of(request), "properties")
        parameters = object_of(properties, "parameters")

        def parameter(name: str, default: Any = "") -> Any:
            return object_of(parameters, name).get("value", default)

        name = parameter("workspaceName")
        if not isinstance(name, str) or not NAME.match(name):
            raise NotSupported(
                f"Deployments of templates - Create: azureml-local supports {TEMPLATES}"
            )
        key = workspace_key(params["subscription"], params["group"], name)
        if state.store.get("", "workspaces", key) is None:
            description = {
                "tags": parameter("tagValues", {}),
                "description": parameter("description"),
                "friendlyName": parameter("friendlyName"),
            }
            state.create_workspace(params["subscription"], params["group"], name, description)
        result = {"provisioningState": "Succeeded", "outputs": {}}
        return JSONResponse(
            {"id": request.url.path, "name": params["name"], "properties": result}, status_code=201
        )

    @routes.add(
        "GET", GROUP + "/deployments/{name}/operations", "Deployments of templates - Operations"
    )
    async def deployment_operations(request: Request) -> Response:
        return JSONResponse({"value": []})  # the deployment was complete when it was acknowledged

    @routes.add("DELETE", WORKSPACE, "Workspaces - Delete")
    async def delete(request: Request) -> Response:
        params = request.path_params
        key = workspace_key(params["subscription"], params["group"], params["workspace"])
        if state.store.get("", "workspaces", key) is None:
            return Response(status_code=204)
        workspace = state.workspace_by_key(key)
        await state.before_workspace_delete(workspace)
        state.store.purge(key)
        for folder in ("blobs", "jobs", "inputs", "mlflow", "online", "batch"):
            path = state.data / folder / key
            if path.is_dir():
                await run_in_threadpool(shutil.rmtree, path, ignore_errors=True)
        return Response(status_code=200)


def _workspace(state: State, workspace: Workspace) -> dict[str, Any]:
    resource = state.store.get("", "workspaces", workspace.key)
    description = {key: resource.body[key] for key in ABOUT if resource and resource.body.get(key)}
    return {
        "id": workspace.path,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": LOCATION,
        "tags": description.pop("tags", {}),
        "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
        "properties": {
            "friendlyName": workspace.name,
            **description,
            "workspaceId": workspace.id,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{state.url}/discovery",
            "mlFlowTrackingUri": addresses.mlflow_tracking_uri(state, workspace),
            "storageAccount": addresses.storage_account(state, workspace),
            "publicNetworkAccess": "Disabled",
        },
    }
