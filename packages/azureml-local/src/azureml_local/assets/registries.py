"""Registries: assets that workspaces share.

The SDK requests a registry's address by discovery, then sends its requests there. Operations that
are long-running on Azure finish at once. A registry has its own storage. Jobs and deployments of
all workspaces can use its assets by ``azureml://registries/...``.
"""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import TypedDict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource
from azureml_local.assets.versions import Assets, create_upload_container
from azureml_local.documents.assets import (
    DATA,
    ENVIRONMENTS,
    MODELS,
    AssetKind,
    AssetVersion,
)
from azureml_local.documents.workspaces import REGISTRIES as KIND
from azureml_local.documents.workspaces import RegistryDescription, RegistryProperties
from azureml_local.errors import BadRequest, NotFound
from azureml_local.identity import auth
from azureml_local.json_fields import as_document, json_of, object_of, text_of
from azureml_local.routing import ASSETS_OF_REGISTRY, REGISTRIES, SUBSCRIPTION, Routes
from azureml_local.state import LOCATION, State, Workspace, registry_key

DISCOVERY = "/registrymanagement/v1.0/registries/{registry}/discovery"
OF_SUBSCRIPTION = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/registries"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{1,31}\Z")
SHARED = re.compile(
    r"azureml://locations/[^/]+/workspaces/([^/]+)/(models|data|environments)/([^/]+)/versions/([^/]+)\Z"
)
SHARED_KINDS = {str(kind): kind for kind in (MODELS, DATA, ENVIRONMENTS)}


class _Credential(TypedDict):
    credentialType: str
    sasUri: str


class _BlobReference(TypedDict):
    blobUri: str
    credential: _Credential


class _DataReference(TypedDict):
    """The signed address of an asset's files."""

    blobReferenceForConsumption: _BlobReference


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add("GET", DISCOVERY, "Registries - Discovery")
    async def discover(request: Request) -> Response:
        registry = state.workspace(request)
        return JSONResponse(
            {
                "registryName": registry.name,
                "tenantId": auth.TENANT,
                "primaryRegion": LOCATION,
                "primaryRegionResourceProviderUri": f"{state.url}/",
                "subscriptionId": registry.subscription,
                "resourceGroup": registry.group,
            }
        )

    _management(routes, state)
    _assets(routes, state)


def _management(routes: Routes, state: State) -> None:
    """Operations on registries; regions and storage settings are stored and have no effect."""
    one = REGISTRIES + "/{registry}"

    @routes.add("PUT", one, "Registries - Create or update")
    async def put(request: Request) -> Response:
        params, body = request.path_params, await json_of(request)
        name = params["registry"]
        if not NAME.match(name):
            raise BadRequest(
                f"registry name {name!r} is not valid: use 2 to 32 letters, digits, '-' and "
                "'_', and start with a letter or digit",
                target="name",
            )
        description = {"properties": object_of(body, "properties"), "tags": object_of(body, "tags")}
        created = state.find_registry(name) is None
        registry = state.create_registry(
            name,
            params["subscription"],
            params["group"],
            as_document(RegistryDescription, description),
        )
        return JSONResponse(_render_registry(registry), status_code=201 if created else 200)

    @routes.add("GET", one, "Registries - Get")
    async def get(request: Request) -> Response:
        registry = state.find_registry(request.path_params["registry"])
        if registry is None:
            raise NotFound(f"Registry {request.path_params['registry']} was not found.")
        return JSONResponse(_render_registry(registry))

    @routes.add("GET", REGISTRIES, "Registries - List")
    async def list_all(request: Request) -> Response:
        group = request.path_params["group"].lower()
        registries = [
            registry for registry in _registries(state) if registry.group.lower() == group
        ]
        return JSONResponse({"value": [_render_registry(registry) for registry in registries]})

    @routes.add("GET", OF_SUBSCRIPTION, "Registries - List of a subscription")
    async def list_of_subscription(request: Request) -> Response:
        subscription = request.path_params["subscription"].lower()
        registries = [
            registry
            for registry in _registries(state)
            if registry.subscription.lower() == subscription
        ]
        return JSONResponse({"value": [_render_registry(registry) for registry in registries]})

    @routes.add("DELETE", one, "Registries - Delete")
    async def delete(request: Request) -> Response:
        key = registry_key(request.path_params["registry"])
        with state.store.transaction():
            state.store.purge(key)
            existed = state.store.delete("", KIND, key)
        await run_in_threadpool(shutil.rmtree, state.data / "blobs" / key, ignore_errors=True)
        return Response(status_code=200 if existed else 204)


def _assets(routes: Routes, state: State) -> None:
    """Operations on assets that only registries have: upload, download and import."""

    @routes.add(
        "PUT",
        ASSETS_OF_REGISTRY + "/tempdatarefs/{name}/versions/{version}",
        "Registries - Create a temporary data reference",
    )
    async def upload(request: Request) -> Response:
        uri, sas = create_upload_container(state.workspace(request))
        return JSONResponse(_data_reference(uri, f"{uri}?{sas}"))

    @routes.add(
        "POST",
        ASSETS_OF_REGISTRY + "/datarefs/{name}/versions/{version}",
        "Registries - Get a data reference",
    )
    async def download(request: Request) -> Response:
        registry = state.workspace(request)
        uri = text_of(await json_of(request), "blobUri")
        registry.local_path(uri)
        # The SDK uses the part before the first slash as account, and the next as container: so
        # the account is the container here, and the container a folder.
        account = uri.partition(".blob.core.windows.net/")[0] + ".blob.core.windows.net"
        return JSONResponse(
            _data_reference(uri, f"{account}?{auth.sas_token(state.secret, registry.key)}")
        )

    @routes.add("POST", ASSETS_OF_REGISTRY + "/import", "Registries - Import an asset")
    async def share(request: Request) -> Response:
        registry = state.workspace(request)
        properties = object_of(await json_of(request), "properties")
        source = SHARED.match(text_of(properties, "sourceAssetId"))
        if source is None:
            raise BadRequest(
                "sourceAssetId: must be the id of an asset in a workspace", target="sourceAssetId"
            )
        workspace = next((each for each in state.workspaces() if each.id == source[1]), None)
        if workspace is None:
            raise NotFound(f"Workspace {source[1]} was not found.", "UserError")
        kind = SHARED_KINDS[source[2]]
        source_assets, assets = Assets(workspace, kind), Assets(registry, kind)
        asset = source_assets.find(source[3], source[4])
        name = assets.validate_name(text_of(properties, "destinationName", asset.name))
        version = assets.validate_name(
            text_of(properties, "destinationVersion", asset.version), "version"
        )
        body = await run_in_threadpool(_copy_files, workspace, registry, kind, asset.body)
        assets.register(name, version, body)
        return Response(status_code=200)


def _copy_files(
    workspace: Workspace, registry: Workspace, kind: AssetKind, body: AssetVersion
) -> AssetVersion:
    """Copy an asset's files to the registry, so that its workspace can be deleted."""
    build = body.get("build")
    if kind == ENVIRONMENTS and not build:
        return body
    uri = build["contextUri"] if build else body["modelUri" if kind == MODELS else "dataUri"]
    if uri.startswith(("http://", "https://")) and ".blob.core.windows.net/" not in uri:
        return body  # a public address
    source = workspace.local_path(uri)
    container, _ = create_upload_container(registry)
    new_uri = f"{container}/{source.name}"
    _copy_path(source, registry.local_path(new_uri))
    if build:
        return {**body, "build": {**build, "contextUri": new_uri}}
    if kind == MODELS:
        return {**body, "modelUri": new_uri}
    return {**body, "dataUri": new_uri}


def _copy_path(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        raise NotFound(f"the asset's files were not found: {source.name}", "UserError")


def _data_reference(uri: str, signed: str) -> _DataReference:
    return {
        "blobReferenceForConsumption": {
            "blobUri": uri,
            "credential": {"credentialType": "SAS", "sasUri": signed},
        }
    }


def _registries(state: State) -> list[Workspace]:
    return [state.workspace_by_key(each.name) for each in state.store.entries("", KIND)]


def _render_registry(registry: Workspace) -> ArmResource:
    resource = registry.state.store.get("", KIND, registry.key)
    description: RegistryDescription = resource.body.get("about", {}) if resource else {}
    return {
        "id": f"/subscriptions/{registry.subscription}/resourceGroups/{registry.group}"
        f"/providers/Microsoft.MachineLearningServices/registries/{registry.name}",
        "name": registry.name,
        "type": "Microsoft.MachineLearningServices/registries",
        "location": LOCATION,
        "tags": description.get("tags", {}),
        "identity": {"type": "SystemAssigned", "principalId": auth.TENANT},
        "properties": {
            **_with_account_ids(registry, description.get("properties", {})),
            "discoveryUrl": f"{registry.state.url}{DISCOVERY.replace('{registry}', registry.name)}",
            "mlFlowRegistryUri": "",
            "publicNetworkAccess": "Disabled",
            "provisioningState": "Succeeded",
        },
    }


def _with_account_ids(registry: Workspace, properties: RegistryProperties) -> RegistryProperties:
    """The properties with the id of each storage account that the registry creates.

    All of them are the one folder of this registry, so they have the same id.
    """
    account = (
        f"/subscriptions/{registry.subscription}/resourceGroups/{registry.group}"
        f"/providers/Microsoft.Storage/storageAccounts/{registry.key}"
    )
    regions = copy.deepcopy(properties.get("regionDetails") or [])
    for region in regions:
        for details in region.get("storageAccountDetails") or []:
            if created := details.get("systemCreatedStorageAccount"):
                created["armResourceId"] = {"resourceId": account}
    return {**properties, "regionDetails": regions}
