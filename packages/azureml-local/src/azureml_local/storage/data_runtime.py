"""The services of the data runtime, by which mltable and azureml-fsspec read `azureml://` paths.

The runtime is a library in Rust. It requests datastores at ``AZUREML_SERVICE_ENDPOINT``, or in
public Azure without that variable, and trusts the authorities in ``SSL_CERT_FILE``.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.addresses import storage_account
from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import DATA
from azureml_local.identity import auth
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State

DATA_TYPES = {"uri_file": "UriFile", "uri_folder": "UriFolder", "mltable": "MLTable"}
"""The types of data in this API."""


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add(
        "GET", f"/datastore/v1.0{WORKSPACE}/datastores/{{name}}", "Data runtime - Get a datastore"
    )
    async def datastore(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["name"]
        storage = {
            "accountName": storage_account(workspace),
            "containerName": workspace.container_name(name),
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentialType": "Sas",
            "credential": auth.sas_token(state.secret, workspace.key),
            "subscriptionId": workspace.subscription,
            "resourceGroup": workspace.group,
            "serviceDataAccessAuthIdentity": "None",
        }
        return JSONResponse(
            {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": storage}
        )

    @routes.add(
        "GET",
        f"/data/v1.0{WORKSPACE}/dataversion/{{name}}/versions/{{version}}",
        "Data runtime - Get a version of data",
    )
    async def version(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        assets = Assets(workspace, DATA)
        data = assets.find(params["name"], params["version"])
        document = {
            "assetId": assets.document(data)["id"],
            "dataContainerName": data.name,
            "dataType": DATA_TYPES[data.body["dataType"]],
            "dataUri": data.body["dataUri"],
            "versionId": data.version,
        }
        return JSONResponse({"dataVersion": document, "isV2": True})
