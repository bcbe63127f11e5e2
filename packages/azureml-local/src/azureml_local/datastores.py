"""Datastores: names of containers in the workspace's storage.

A datastore of any storage account becomes a container of the local account. Containers of two
accounts with one name stay apart. Nothing is downloaded from Azure.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.addresses import blob_endpoint, storage_account
from azureml_local.assets import validate_name
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import ARTIFACTS, FILES, State, Workspace, json_of, object_of, text_of

KIND = "datastores"
CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
ONE = WORKSPACE + "/datastores/{name}"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE + "/datastores", "Datastores - List")
    async def list_all(request: Request) -> Response:
        workspace = state.workspace(request)
        names = [FILES, ARTIFACTS]
        names += [each.name for each in state.store.entries(workspace.key, KIND)]
        if request.query_params.get("isDefault", "").lower() == "true":
            names = [FILES]
        return JSONResponse({"value": [_shown(state, workspace, name) for name in names]})

    @routes.add("GET", ONE, "Datastores - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_shown(state, workspace, request.path_params["name"]))

    @routes.add(
        "PUT",
        ONE,
        "Datastores - Create or update",
        partly="Azure blob storage only; the files are local, whatever account it names",
    )
    async def put(request: Request) -> Response:
        workspace, name = (
            state.workspace(request),
            validate_name("Datastore", request.path_params["name"]),
        )
        properties = object_of(await json_of(request), "properties")
        store_type = text_of(properties, "datastoreType")
        if store_type != "AzureBlob":
            raise NotSupported(
                f"Datastores - Create: type {store_type} is not supported by azureml-local"
            )
        if name.lower() in workspace.containers:
            raise BadRequest(f"{name} is a built-in datastore", "UserError")
        old = state.store.get(workspace.key, KIND, name)
        account = text_of(properties, "accountName")
        container = text_of(properties, "containerName")
        body = {
            "account": account,
            "container": _container(state, workspace, name, account, container),
            "credentials": _credentials_type(properties),
            "description": text_of(properties, "description"),
            "tags": object_of(properties, "tags"),
            "properties": object_of(properties, "properties"),
        }
        state.store.put(workspace.key, KIND, name, "", body)
        state.container(workspace, name).mkdir(parents=True, exist_ok=True)
        return JSONResponse(_shown(state, workspace, name), status_code=200 if old else 201)

    @routes.add("DELETE", ONE, "Datastores - Delete")
    async def delete(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        if name.lower() in workspace.containers:
            raise BadRequest(f"{name} is a built-in datastore", "UserError")
        existed = state.store.delete(workspace.key, KIND, name)  # the files are kept, as on Azure
        return Response(status_code=200 if existed else 204)

    @routes.add("POST", ONE + "/listSecrets", "Datastores - List secrets")
    async def secrets(request: Request) -> Response:
        workspace = state.workspace(request)
        state.container_name(workspace, request.path_params["name"])
        sas = auth.sas_token(state.secret, workspace.key)
        return JSONResponse({"secretsType": "Sas", "sasToken": sas})


def _container(state: State, workspace: Workspace, name: str, account: str, container: str) -> str:
    """The local container of a datastore: the one that it names, if its address is unambiguous.

    Raises:
        BadRequest: the name is not valid.
        NotSupported: clients could not split the container's address at this name.
    """
    if not CONTAINER.fullmatch(container):
        raise BadRequest(
            f"containerName: {container!r} is not valid: use 3 to 63 lowercase letters, digits and "
            "single hyphens",
            "UserError",
            target="containerName",
        )
    if container in blob_endpoint(state, workspace):
        raise NotSupported(
            f"Datastores - Create: a container named {container} is not supported by "
            "azureml-local; use another name"
        )
    own = account in ("", storage_account(state, workspace))
    others = [each for each in state.store.entries(workspace.key, KIND) if each.name != name]
    accounts = {each.body.get("account") for each in others if each.body["container"] == container}
    if not own and (accounts - {account} or container in workspace.containers.values()):
        return f"{container}-{uuid.uuid5(uuid.NAMESPACE_DNS, account).hex[:8]}"
    return container


def _credentials_type(properties: dict[str, Any]) -> str:
    """Whether clients access the files with a signature (Sas) or with their identity (None)."""
    credentials = object_of(properties, "credentials")
    return "None" if credentials.get("credentialsType", "None") == "None" else "Sas"


def _shown(state: State, workspace: Workspace, name: str) -> dict[str, Any]:
    container = state.container_name(workspace, name)
    datastore = state.store.get(workspace.key, KIND, name)
    body = datastore.body if datastore else {}
    properties = {key: body[key] for key in ("description", "tags", "properties") if key in body}
    return {
        "id": f"{workspace.path}/datastores/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/datastores",
        "properties": {
            "properties": {},
            "tags": {},
            **properties,
            "datastoreType": "AzureBlob",
            "accountName": storage_account(state, workspace),
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "isDefault": name.lower() == FILES,
            "credentials": {"credentialsType": body.get("credentials", "Sas")},
        },
    }
