"""Operations on workspaces, and the discovery of their services."""

from __future__ import annotations

import re
import shutil
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import addresses
from azureml_local.arm import ArmResource
from azureml_local.documents.workspaces import WORKSPACES as KIND
from azureml_local.documents.workspaces import WorkspaceDocument, WorkspaceSettings
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.identity import auth
from azureml_local.json_fields import Json, JsonObject, as_document, json_of, object_of
from azureml_local.routing import GROUP, SUBSCRIPTION, WORKSPACE, WORKSPACES, Routes
from azureml_local.state import LOCATION, State, Workspace, workspace_key

SETTINGS = (
    "tags",
    "description",
    "friendlyName",
    "publicNetworkAccess",
    "imageBuildCompute",
    "applicationInsights",
    "containerRegistry",
    "location",
)
"""The settings of a workspace that are stored; those of networks and resources have no effect."""
UNSUPPORTED_KINDS = "hubs, projects and feature stores need services of Azure"
DEPENDENT_RESOURCES = {
    "storageAccount": "Microsoft.Storage/storageAccounts",
    "keyVault": "Microsoft.KeyVault/vaults",
    "applicationInsights": "Microsoft.Insights/components",
}
OF_SUBSCRIPTION = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/workspaces"
TEMPLATES = "only templates that create a workspace"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{2,32}\Z")


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE, "Workspaces - Get")
    async def get(request: Request) -> Response:
        return JSONResponse(_workspace(state.workspace(request)))

    @routes.add("PATCH", WORKSPACE, "Workspaces - Update")
    async def update(request: Request) -> Response:
        workspace, body = state.workspace(request), await json_of(request)
        properties = {**object_of(body, "properties"), **body}
        if properties.get("featureStoreSettings"):
            await _delete_if_unused(state, workspace.key)
            raise NotSupported(f"Workspaces - Create or update: {UNSUPPORTED_KINDS}")
        changes = _settings(properties)
        with state.store.transaction():
            resource = state.store.get("", KIND, workspace.key)
            document: WorkspaceDocument = {**(resource.body if resource else {}), **changes}
            state.store.put("", KIND, workspace.key, "", document)
        return JSONResponse(_workspace(workspace))

    @routes.add("GET", WORKSPACES, "Workspaces - List")
    async def list_all(request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        workspaces = [
            _workspace(workspace)
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
        return JSONResponse({"value": [_workspace(workspace) for workspace in workspaces]})

    @routes.add("GET", GROUP, "Resource groups - Get")
    async def group(request: Request) -> Response:
        name = request.path_params["group"]
        return JSONResponse({"id": request.url.path, "name": name, "location": LOCATION})

    routes.refuse(
        WORKSPACE + "/diagnose",
        "Workspaces - Diagnose",
        "it checks networks and resources of Azure",
    )

    @routes.add("GET", "/discovery", "Discovery")
    async def discover(request: Request) -> Response:
        return JSONResponse({"api": state.url, "history": state.url, "studio": state.url})

    _creation(routes, state)
    _dependent_resources(routes, state)


def _creation(routes: Routes, state: State) -> None:
    """The SDK creates a workspace by deploying a template to its resource group."""
    deployments = GROUP + "/providers/Microsoft.Resources/deployments/{name}"

    @routes.add("PUT", deployments, "Deployments of templates - Create", partly=TEMPLATES)
    async def deploy(request: Request) -> Response:
        params, begun = request.path_params, time.monotonic()
        properties = object_of(await json_of(request), "properties")
        parameters = object_of(properties, "parameters")

        def parameter(name: str, default: Json = "") -> Json:
            return object_of(parameters, name).get("value", default)

        name = parameter("workspaceName")
        if not isinstance(name, str) or not name:
            raise NotSupported(
                f"Deployments of templates - Create: azureml-local supports {TEMPLATES}"
            )
        if not NAME.match(name):
            raise BadRequest(
                f"workspaceName: {name!r} must have 3 to 33 letters, digits, hyphens and "
                "underscores, and begin with a letter or a digit",
                target="workspaceName",
            )
        key = workspace_key(params["subscription"], params["group"], name)
        if str(parameter("kind", "default")).lower() != "default":
            await _delete_if_unused(state, key)
            raise NotSupported(f"Workspaces - Create or update: {UNSUPPORTED_KINDS}")
        if state.store.get("", KIND, key) is None:
            settings = {
                "tags": parameter("tagValues", {}),
                "description": parameter("description"),
                "friendlyName": parameter("friendlyName"),
                "location": parameter("location") or LOCATION,
                "publicNetworkAccess": parameter("publicNetworkAccess") or "Enabled",
            }
            state.create_workspace(
                params["subscription"],
                params["group"],
                name,
                as_document(WorkspaceSettings, settings),
            )
        # azure-ai-ml 1.20 fails without a duration, 1.28 does not.
        duration = f"PT{time.monotonic() - begun:.7f}S"
        result = {"provisioningState": "Succeeded", "outputs": {}, "duration": duration}
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
        if state.store.get("", KIND, key) is None:
            return Response(status_code=204)
        await _delete(state, key)
        return Response(status_code=200)


def _dependent_resources(routes: Routes, state: State) -> None:
    """The storage account, key vault and Application Insights that a workspace names.

    They exist as long as the workspace. The SDK deletes them before a workspace if the caller asks
    for it; here the workspace's deletion deletes the files.
    """
    for kind in DEPENDENT_RESOURCES.values():
        _register_dependent_resource(routes, state, kind)


def _register_dependent_resource(routes: Routes, state: State, kind: str) -> None:
    one = f"{GROUP}/providers/{kind}/{{name}}"

    @routes.add("GET", one, f"{kind} - Get", partly="the resources of workspaces")
    async def get(request: Request) -> Response:
        workspace = state.workspace_by_key(request.path_params["name"])
        return JSONResponse(
            {
                "id": request.url.path,
                "name": workspace.key,
                "type": kind,
                "location": _workspace(workspace)["location"],
                "properties": {"provisioningState": "Succeeded"},
            }
        )

    @routes.add(
        "DELETE", one, f"{kind} - Delete", partly="no effect until the workspace is deleted"
    )
    async def delete(request: Request) -> Response:
        state.workspace_by_key(request.path_params["name"])
        return Response(status_code=200)


def _settings(properties: JsonObject) -> WorkspaceSettings:
    """The settings in the body of an update, without the location, which cannot change."""
    names = [name for name in SETTINGS if name != "location"]
    return as_document(
        WorkspaceSettings,
        {name: properties[name] for name in names if properties.get(name) is not None},
    )


async def _delete(state: State, key: str) -> None:
    """Delete a workspace: its processes, documents and files."""
    await state.before_workspace_delete(state.workspace_by_key(key))
    state.store.purge(key)
    for folder in ("blobs", "jobs", "inputs", "mlflow", "online", "batch"):
        path = state.data / folder / key
        if path.is_dir():
            await run_in_threadpool(shutil.rmtree, path, ignore_errors=True)


async def _delete_if_unused(state: State, key: str) -> None:
    """Delete a workspace that a refused request has created: the SDK's GET came first."""
    if state.store.get("", KIND, key) and not state.store.has_documents(key):
        await _delete(state, key)


def _workspace(workspace: Workspace) -> ArmResource:
    resource = workspace.state.store.get("", KIND, workspace.key)
    body: WorkspaceDocument = resource.body if resource else {}
    shown = (name for name in SETTINGS if name not in ("location", "tags"))
    settings = {name: value for name in shown if (value := body.get(name))}
    group = f"/subscriptions/{workspace.subscription}/resourceGroups/{workspace.group}"
    return {
        "id": workspace.path,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": body.get("location") or LOCATION,
        "tags": body.get("tags") or {},
        "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
        "properties": {
            "friendlyName": workspace.name,
            "publicNetworkAccess": "Enabled",
            **{
                name: f"{group}/providers/{kind}/{workspace.key}"
                for name, kind in DEPENDENT_RESOURCES.items()
            },
            **settings,
            "workspaceId": workspace.id,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{workspace.state.url}/discovery",
            "mlFlowTrackingUri": addresses.azureml_tracking_uri(workspace)
            if workspace.state.azureml_tracking
            else addresses.mlflow_tracking_uri(workspace),
        },
    }
