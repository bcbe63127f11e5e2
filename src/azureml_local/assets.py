"""Versioned assets: environments, data, models and code.

One set of rules for all: a version that exists is immutable, an automatic version is the number
after the newest, ``latest`` is the newest created. What differs by kind is what makes two versions
the same content, and what is added to a model.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.errors import BadRequest, Conflict, NotFound
from azureml_local.models import prepare_model
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import State, Workspace, json_of
from azureml_local.store import Resource
from azureml_local.workspaces import account

KINDS = {
    "environments": "Environment",
    "data": "Data",
    "models": "Model",
    "components": "Component",
    "codes": "Code",
}
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,254}$")
# What may change in a version that exists.
MUTABLE = ("tags", "description", "isArchived", "properties", "stage")
CONTENT = {
    "environments": ("image", "condaFile", "build"),
    "data": ("dataUri", "dataType"),
    "models": ("modelUri", "modelType"),
    "components": ("componentSpec",),
    "codes": ("codeUri",),
}


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    for kind, title in KINDS.items():
        _register(routes, state, kind, title)

    @routes.add(
        "POST",
        WORKSPACE + "/codes/{name}/versions/{version}/startPendingUpload",
        "Code versions - Start pending upload",
    )
    async def start_upload(request: Request) -> Response:
        workspace = state.workspace(request)
        # A container of its own each time: names inside carry no digest, and the SDK takes a file
        # that is there for the one it would upload.
        container = f"code-{uuid.uuid4()}"
        (state.data / "blobs" / workspace.key / container).mkdir(parents=True)
        uri = f"https://{account(state, workspace)}.blob.core.windows.net/{container}"
        sas = auth.signature(state.secret, workspace.key)
        return JSONResponse(
            {
                "pendingUploadId": container,
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": {
                    "blobUri": uri,
                    "storageAccountArmId": f"{workspace.path}/datastores/workspaceblobstore",
                    "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{sas}"},
                },
            }
        )


def _register(routes: Routes, state: State, kind: str, title: str) -> None:
    base = WORKSPACE + f"/{kind}/{{name}}"
    prepare: Callable[[State, Workspace, dict[str, Any]], dict[str, Any]] | None = (
        prepare_model if kind == "models" else None
    )

    @routes.add("GET", WORKSPACE + f"/{kind}", f"{title} containers - List")
    async def containers(request: Request) -> Response:
        workspace = state.workspace(request)
        names = dict.fromkeys(found.name for found in state.store.entries(workspace.key, kind))
        return JSONResponse({"value": [_container(state, workspace, kind, n) for n in names]})

    @routes.add("GET", base, f"{title} containers - Get")
    async def container(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_container(state, workspace, kind, request.path_params["name"]))

    @routes.add("GET", base + "/versions", f"{title} versions - List")
    async def versions(request: Request) -> Response:
        return JSONResponse({"value": _versions(state, kind, request)})

    @routes.add("GET", base + "/versions/{version}", f"{title} versions - Get")
    async def version(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        return JSONResponse(
            document(workspace, find(state, workspace, kind, params["name"], params["version"]))
        )

    @routes.add("PUT", base + "/versions/{version}", f"{title} versions - Create or update")
    async def put(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        name, number = params["name"], params["version"]
        if not NAME.match(name):
            raise BadRequest(f"{title} name {name!r} is not valid: {NAME.pattern}", "UserError")
        properties = (await json_of(request)).get("properties", {})
        if prepare is not None:
            properties = prepare(state, workspace, properties)
        with state.store.transaction():
            old = state.store.get(workspace.key, kind, name, number)
            if old is not None:
                properties = _updated(old, properties, kind, f"{title} {name}:{number}")
            found = state.store.put(workspace.key, kind, name, number, properties)
        return JSONResponse(document(workspace, found), status_code=200 if old else 201)


def find(state: State, workspace: Workspace, kind: str, name: str, version: str) -> Resource:
    """One version of an asset.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, kind, name, version)
    if found is None:
        raise NotFound(
            f"{KINDS[kind]} {name}:{version} was not found in workspace {workspace.name}.",
            "UserError",
        )
    return found


def by_id(state: State, workspace: Workspace, kind: str, reference: str) -> Resource:
    """One version of an asset by its resource id, or by ``azureml:name:version``.

    Raises:
        BadRequest: the reference is neither.
        NotFound: there is no such version.
    """
    match = re.search(rf"/{kind}/(?:azureml:)?([^/]+)/versions/([^/]+)$", reference, re.IGNORECASE)
    match = match or re.fullmatch(r"azureml:([^:]+):([^:]+)", reference)
    if match is None:
        raise BadRequest(f"{reference!r} names no version of a {KINDS[kind]}", "UserError")
    return find(state, workspace, kind, match[1], match[2])


def document(workspace: Workspace, found: Resource) -> dict[str, Any]:
    """A version as the API shows it; clients read name and version out of the id."""
    return {
        "id": f"{workspace.path}/{found.kind}/{found.name}/versions/{found.version}",
        "name": found.version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{found.kind}/versions",
        "systemData": {
            "createdAt": found.created,
            "createdBy": "azureml-local",
            "createdByType": "User",
            "lastModifiedAt": found.modified,
        },
        "properties": {
            "provisioningState": "Succeeded",
            "properties": {},
            "tags": {},
            **found.body,
        },
    }


def _container(state: State, workspace: Workspace, kind: str, name: str) -> dict[str, Any]:
    found = state.store.entries(workspace.key, kind, name)
    if not found:
        raise NotFound(f"{KINDS[kind]} container {name} was not found.", "UserError")
    numbers = [int(each.version) for each in found if each.version.isdigit()]
    return {
        "id": f"{workspace.path}/{kind}/{found[0].name}",
        "name": found[0].name,
        "properties": {
            "latestVersion": found[-1].version,
            "nextVersion": str(max(numbers, default=0) + 1),
            "isArchived": all(each.body.get("isArchived", False) for each in found),
            "dataType": found[-1].body.get("dataType", "uri_file"),
            "properties": {},
            "tags": {},
        },
    }


def _versions(state: State, kind: str, request: Request) -> list[dict[str, Any]]:
    """Versions of a name, newest first; of every name where a digest of code is asked for."""
    workspace = state.workspace(request)
    query = request.query_params
    if "hash" in query:
        # The name is new at each call, so the digest is looked for in all code of the workspace.
        found = [
            each
            for each in state.store.entries(workspace.key, kind)
            if each.body.get("properties", {}).get("hash_sha256") == query["hash"]
        ]
    else:
        found = state.store.entries(workspace.key, kind, request.path_params["name"])
        if not found:
            raise NotFound(
                f"{KINDS[kind]} {request.path_params['name']} was not found.", "UserError"
            )
    view = query.get("listViewType", "ActiveOnly")
    if view != "All":
        archived = view == "ArchivedOnly"
        found = [each for each in found if each.body.get("isArchived", False) is archived]
    found = list(reversed(found))
    top = query.get("$top")
    return [document(workspace, each) for each in found[: int(top) if top else None]]


def _updated(old: Resource, properties: dict[str, Any], kind: str, what: str) -> dict[str, Any]:
    """An existing version with what may change in it.

    Raises:
        Conflict: something else differs; the SDK then takes the next version by itself.
    """
    for key in CONTENT[kind]:
        if properties.get(key) != old.body.get(key):
            raise Conflict(
                f"{what} exists with another {key}; a version cannot be changed. "
                "Register the next version.",
                "UserError",
            )
    return old.body | {key: properties[key] for key in MUTABLE if key in properties}
