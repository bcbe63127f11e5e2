"""The workspace itself, its datastores, and where the other services are."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.errors import NotFound
from azureml_local.routing import GROUP, WORKSPACE, WORKSPACES, Routes
from azureml_local.state import ARTIFACTS, FILES, LOCATION, State, Workspace


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE, "Workspaces - Get")
    async def get(request: Request) -> Response:
        return JSONResponse(_workspace(state, state.workspace(request)))

    @routes.add("PATCH", WORKSPACE, "Workspaces - Update")
    async def update(request: Request) -> Response:
        return JSONResponse(_workspace(state, state.workspace(request)))

    @routes.add("GET", WORKSPACES, "Workspaces - List")
    async def list_all(request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        found = [
            _workspace(state, workspace)
            for workspace in state.workspaces()
            if workspace.subscription.lower() == subscription
            and workspace.group.lower() == request.path_params["group"].lower()
        ]
        return JSONResponse({"value": found})

    @routes.add("GET", GROUP, "Resource groups - Get")
    async def group(request: Request) -> Response:
        name = request.path_params["group"]
        return JSONResponse({"id": request.url.path, "name": name, "location": LOCATION})

    @routes.add("GET", "/discovery", "Discovery")
    async def discover(request: Request) -> Response:
        return JSONResponse({"api": state.url, "history": state.url, "studio": state.url})

    @routes.add("GET", WORKSPACE + "/datastores", "Datastores - List")
    async def datastores(request: Request) -> Response:
        workspace = state.workspace(request)
        names = [FILES] if "isDefault" in request.query_params else [FILES, ARTIFACTS]
        return JSONResponse({"value": [_datastore(state, workspace, name) for name in names]})

    @routes.add("GET", WORKSPACE + "/datastores/{name}", "Datastores - Get")
    async def datastore(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_datastore(state, workspace, request.path_params["name"]))

    @routes.add("POST", WORKSPACE + "/datastores/{name}/listSecrets", "Datastores - List secrets")
    async def secrets(request: Request) -> Response:
        workspace = state.workspace(request)
        sas = auth.signature(state.secret, workspace.key)
        return JSONResponse({"secretsType": "Sas", "sasToken": sas})


def _workspace(state: State, workspace: Workspace) -> dict[str, Any]:
    return {
        "id": workspace.path,
        "name": workspace.name,
        "type": "Microsoft.MachineLearningServices/workspaces",
        "location": LOCATION,
        "tags": {},
        "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
        "properties": {
            "friendlyName": workspace.name,
            "workspaceId": workspace.id,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{state.url}/discovery",
            "mlFlowTrackingUri": f"{state.url}/mlflow/v1.0{workspace.path}",
            "storageAccount": account(state, workspace),
            "publicNetworkAccess": "Disabled",
        },
    }


def account(state: State, workspace: Workspace) -> str:
    """The storage account's name.

    The SDK builds ``https://{name}.blob.{suffix}`` from it, so a name that carries host, port and
    path leads every storage address to this server.
    """
    return f"{state.url.removeprefix('https://')}/{workspace.key}"


def _datastore(state: State, workspace: Workspace, name: str) -> dict[str, Any]:
    container = workspace.containers.get(name.lower())
    if container is None:
        raise NotFound(f"No datastore named {name} in workspace {workspace.name}.")
    return {
        "id": f"{workspace.path}/datastores/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/datastores",
        "properties": {
            "datastoreType": "AzureBlob",
            "accountName": account(state, workspace),
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "isDefault": name.lower() == FILES,
            "credentials": {"credentialsType": "Sas"},
            "properties": {},
            "tags": {},
        },
    }
