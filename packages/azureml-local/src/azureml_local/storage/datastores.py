"""Datastores: names of containers in the workspace's storage.

A datastore of any storage account becomes a container of the local account: a blob container, a
file system of Azure Data Lake Storage Gen2 or a file share. Containers of two accounts with one
name stay apart. Nothing is downloaded from Azure.
"""

from __future__ import annotations

import re
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.addresses import blob_endpoint, storage_account
from azureml_local.arm import ArmResource
from azureml_local.assets.versions import validate_name
from azureml_local.documents.workspaces import DATASTORES as KIND
from azureml_local.documents.workspaces import DatastoreDocument
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.identity import auth
from azureml_local.json_fields import as_document, json_of, object_of, text_of
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import ARTIFACTS, FILES, State, Workspace

BLOB, LAKE, SHARE = "AzureBlob", "AzureDataLakeGen2", "AzureFile"
CONTAINER_FIELDS = {BLOB: "containerName", LAKE: "filesystem", SHARE: "fileShareName"}
"""The field with the container's name, by type of datastore."""
CREDENTIALS = (
    "credentialsType",
    "clientId",
    "tenantId",
    "authorityUrl",
    "resourceUrl",
    "thumbprint",
)
"""The fields of credentials that are stored and shown; secrets are neither."""
LAKE_ADDRESS = re.compile(
    r"(?:abfss?://(?P<a>[^@/]+)@(?P<b>[^./]+)\.dfs\.[^/]+|https?://(?P<c>[^./]+)\.dfs\.[^/]+/(?P<d>[^/]+))"
    r"/*(?P<path>[^?]*)"
)
"""The address of a file or folder in Azure Data Lake Storage Gen2."""
CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
ONE = WORKSPACE + "/datastores/{name}"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", WORKSPACE + "/datastores", "Datastores - List")
    async def list_all(request: Request) -> Response:
        workspace = state.workspace(request)
        names = [FILES, ARTIFACTS]
        names += [each.name for each in workspace.documents.entries(KIND)]
        if request.query_params.get("isDefault", "").lower() == "true":
            names = [FILES]
        return JSONResponse({"value": [_render_datastore(workspace, name) for name in names]})

    @routes.add("GET", ONE, "Datastores - Get")
    async def get(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_render_datastore(workspace, request.path_params["name"]))

    @routes.add(
        "PUT",
        ONE,
        "Datastores - Create or update",
        partly="blobs, Data Lake Gen2, file shares; the files are local, whatever the account is",
    )
    async def put(request: Request) -> Response:
        workspace, name = (
            state.workspace(request),
            validate_name("Datastore", request.path_params["name"]),
        )
        properties = object_of(await json_of(request), "properties")
        store_type = text_of(properties, "datastoreType")
        field = CONTAINER_FIELDS.get(store_type)
        if field is None:
            raise NotSupported(
                f"Datastores - Create: type {store_type} is not supported by azureml-local; use "
                f"one of {', '.join(CONTAINER_FIELDS)}"
            )
        if name.lower() in workspace.containers:
            raise BadRequest(f"{name} is a built-in datastore", "UserError")
        old = workspace.documents.get(KIND, name)
        account = text_of(properties, "accountName")
        container = text_of(properties, field)
        credentials = object_of(properties, "credentials")
        body = {
            "type": store_type,
            "account": account,
            "container": _container(workspace, name, account, field, container),
            "container_on_azure": container,
            "credentials": {key: credentials[key] for key in CREDENTIALS if key in credentials},
            "description": text_of(properties, "description"),
            "tags": object_of(properties, "tags"),
            "properties": object_of(properties, "properties"),
        }
        workspace.documents.put(KIND, name, as_document(DatastoreDocument, body))
        workspace.container(name).mkdir(parents=True, exist_ok=True)
        return JSONResponse(_render_datastore(workspace, name), status_code=200 if old else 201)

    @routes.add("DELETE", ONE, "Datastores - Delete")
    async def delete(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        if name.lower() in workspace.containers:
            raise BadRequest(f"{name} is a built-in datastore", "UserError")
        existed = workspace.documents.delete(KIND, name)  # the files are kept, as on Azure
        return Response(status_code=200 if existed else 204)

    @routes.add("POST", ONE + "/listSecrets", "Datastores - List secrets")
    async def secrets(request: Request) -> Response:
        workspace = state.workspace(request)
        workspace.container_name(request.path_params["name"])
        sas = auth.sas_token(state.secret, workspace.key)
        return JSONResponse({"secretsType": "Sas", "sasToken": sas})


def find_lake_uri(workspace: Workspace, address: str) -> str:
    """The datastore URI of an address in Azure Data Lake Storage Gen2.

    Returns:
        The URI; empty for another kind of address, and without a datastore for it.
    """
    match = LAKE_ADDRESS.fullmatch(address)
    if match is None:
        return ""
    container, account = match["a"] or match["d"], match["b"] or match["c"]
    for each in workspace.documents.entries(KIND):
        place = (each.body.get("account"), each.body.get("container_on_azure"))
        if each.body.get("type") == LAKE and place == (account, container):
            return workspace.datastore_uri(each.name, match["path"])
    return ""


def _container(workspace: Workspace, name: str, account: str, field: str, container: str) -> str:
    """The local container of a datastore: the one that it names, if its address is unambiguous.

    Raises:
        BadRequest: the name is not valid.
        NotSupported: clients could not split the container's address at this name.
    """
    if not CONTAINER.fullmatch(container):
        raise BadRequest(
            f"{field}: {container!r} is not valid: use 3 to 63 lowercase letters, digits and "
            "single hyphens",
            "UserError",
            target=field,
        )
    if container in blob_endpoint(workspace):
        raise NotSupported(
            f"Datastores - Create: a container named {container} is not supported by "
            "azureml-local; use another name"
        )
    own = account in ("", storage_account(workspace))
    others = [each for each in workspace.documents.entries(KIND) if each.name != name]
    accounts = {each.body.get("account") for each in others if each.body["container"] == container}
    if not own and (accounts - {account} or container in workspace.containers.values()):
        return f"{container}-{uuid.uuid5(uuid.NAMESPACE_DNS, account).hex[:8]}"
    return container


def _render_datastore(workspace: Workspace, name: str) -> ArmResource:
    container = workspace.container_name(name)
    datastore = workspace.documents.get(KIND, name)
    body: DatastoreDocument = datastore.body if datastore else {}
    shown = ("description", "tags", "properties")
    properties = {key: value for key, value in body.items() if key in shown}
    store_type = body.get("type", BLOB)
    credentials = body.get("credentials") or {}
    if isinstance(credentials, str):  # of an older azureml-local
        credentials = {"credentialsType": credentials}
    return workspace.document(
        f"datastores/{name}",
        properties={
            "properties": {},
            "tags": {},
            **properties,
            "datastoreType": store_type,
            "accountName": storage_account(workspace),
            CONTAINER_FIELDS[store_type]: container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "isDefault": name.lower() == FILES,
            "credentials": {"credentialsType": "None" if body else "Sas", **credentials},
        },
    )
