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
from azureml_local.addresses import blob_endpoint, resolve_job_uri
from azureml_local.errors import BadRequest, Conflict, NotFound, NotSupported
from azureml_local.models import prepare_model
from azureml_local.routing import ASSETS_OF_REGISTRY, WORKSPACE, Routes
from azureml_local.state import State, Workspace, json_of, object_of, text_of
from azureml_local.store import USER, Resource

KINDS = {
    "environments": "Environment",
    "data": "Data",
    "models": "Model",
    "components": "Component",
    "codes": "Code",
}
NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,254}\Z")
DATA_TYPES = ("uri_file", "uri_folder", "mltable")
DEFAULT_VERSION = "azureml_default"
"""What the SDK asks for when it is given no version of a component: the newest."""
IN_REGISTRY = re.compile(r"azureml://registries/([^/]+)/", re.IGNORECASE)
# Where the SDK keeps what a script gave without a name.
ANONYMOUS_NAMES = ("CliV2AnonymousEnvironment", "azureml_anonymous")
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
        _register(routes, state, WORKSPACE, kind, title)
        _register(routes, state, ASSETS_OF_REGISTRY, kind, f"Registry {title.lower()}")

    @routes.add(
        "POST",
        WORKSPACE + "/codes/{name}/versions/{version}/startPendingUpload",
        "Code versions - Start pending upload",
    )
    async def start_upload(request: Request) -> Response:
        workspace = state.workspace(request)
        uri, sas = create_upload_container(state, workspace)
        return JSONResponse(
            {
                "pendingUploadId": uri.rpartition("/")[2],
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": {
                    "blobUri": uri,
                    "storageAccountArmId": f"{workspace.path}/datastores/workspaceblobstore",
                    "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{sas}"},
                },
            }
        )


def create_upload_container(state: State, workspace: Workspace) -> tuple[str, str]:
    """The address of a new container for an asset's files, and the signature to write there.

    A container of its own each time: names inside carry no digest, and the SDK takes a file that
    is there for the one it would upload.
    """
    container = f"code-{uuid.uuid4()}"
    (state.data / "blobs" / workspace.key / container).mkdir(parents=True)
    uri = f"{blob_endpoint(state, workspace)}/{container}"
    return uri, auth.sas_token(state.secret, workspace.key)


def _register(routes: Routes, state: State, root: str, kind: str, title: str) -> None:
    base = root + f"/{kind}/{{name}}"

    @routes.add("GET", root + f"/{kind}", f"{title} containers - List")
    async def containers(request: Request) -> Response:
        workspace = state.workspace(request)
        names = dict.fromkeys(found.name for found in state.store.entries(workspace.key, kind))
        shown = [
            _container(state, workspace, kind, name)
            for name in names
            if name not in ANONYMOUS_NAMES
        ]
        return JSONResponse(
            {"value": [each for each in shown if matches_list_view(request, each["properties"])]}
        )

    @routes.add("GET", base, f"{title} containers - Get")
    async def container(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_container(state, workspace, kind, request.path_params["name"]))

    @routes.add("PUT", base, f"{title} containers - Create or update")
    async def put_container(request: Request) -> Response:
        workspace, name = (
            state.workspace(request),
            validate_name(KINDS[kind], request.path_params["name"]),
        )
        given = object_of(await json_of(request), "properties")
        kept = {key: given[key] for key in MUTABLE if key in given}
        state.store.put(workspace.key, f"{kind}Containers", name, "", kept)
        return JSONResponse(_container(state, workspace, kind, name))

    @routes.add("GET", base + "/versions", f"{title} versions - List")
    async def versions(request: Request) -> Response:
        return JSONResponse({"value": _versions(state, kind, request)})

    @routes.add("GET", base + "/versions/{version}", f"{title} versions - Get")
    async def version(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        return JSONResponse(
            version_document(
                workspace, find(state, workspace, kind, params["name"], params["version"])
            )
        )

    @routes.add("PUT", base + "/versions/{version}", f"{title} versions - Create or update")
    async def put(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        name, number = (
            validate_name(KINDS[kind], params["name"]),
            validate_name(KINDS[kind], params["version"], "version"),
        )
        properties = object_of(await json_of(request), "properties")
        found, new = register_version(state, workspace, kind, name, number, properties)
        return JSONResponse(version_document(workspace, found), status_code=201 if new else 200)


def register_version(
    state: State, workspace: Workspace, kind: str, name: str, version: str, given: dict[str, Any]
) -> tuple[Resource, bool]:
    """Create a version, or change what may change in one; also says whether it is new.

    Raises:
        BadRequest: the properties are none of such an asset.
        Conflict: the version exists with other content.
    """
    properties = PREPARE[kind](state, workspace, given)
    with state.store.transaction():
        old = state.store.get(workspace.key, kind, name, version)
        if old is not None:
            properties = _updated(old, properties, kind, f"{KINDS[kind]} {name}:{version}")
        return state.store.put(workspace.key, kind, name, version, properties), old is None


def next_version(state: State, workspace: Workspace, kind: str, name: str) -> str:
    """The number after the greatest."""
    found = state.store.entries(workspace.key, kind, name)
    numbers = [int(each.version) for each in found if each.version.isdigit()]
    return str(max(numbers, default=0) + 1)


def validate_name(title: str, text: str, what: str = "name") -> str:
    """A name or version that is valid.

    Raises:
        BadRequest: it is not; in words.
    """
    if not NAME.match(text):
        raise BadRequest(
            f"{title} {what} {text!r} is not valid: it must begin with a letter, a digit or an "
            "underscore, hold nothing but letters, digits, '_', '-' and '.', and have at most 255 "
            "characters",
            "UserError",
            target=what,
        )
    return text


def _data(state: State, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    uri, kind = text_of(properties, "dataUri"), text_of(properties, "dataType", "uri_folder")
    if kind not in DATA_TYPES:
        raise BadRequest(
            f"{kind!r} is no type of data; there are {', '.join(DATA_TYPES)}",
            "UserError",
            target="dataType",
        )
    if not uri:
        raise BadRequest("data needs an address (dataUri)", "UserError", target="dataUri")
    return {**properties, "dataUri": resolve_job_uri(state, workspace, uri), "dataType": kind}


def _component(state: State, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    spec = object_of(properties, "componentSpec")
    if spec.get("type", "command") not in ("command", "pipeline"):
        raise NotSupported(
            f"Component versions - Create: azureml-local has no {spec['type']} components"
        )
    # Its name and version are no part of its content; `version_document` puts them there again.
    spec = {key: value for key, value in spec.items() if key not in ("name", "version", "_source")}
    return {**properties, "componentSpec": {"type": "command", **spec}}


def _environment(state: State, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    build = object_of(properties, "build")
    if build:
        properties = {**properties, "build": {"dockerfilePath": "Dockerfile", **build}}
    elif not text_of(properties, "image") and not text_of(properties, "condaFile"):
        raise BadRequest("an environment needs an image or a build context", "UserError")
    return {"osType": "Linux", **_as_given(state, workspace, properties)}


def _as_given(state: State, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    for key in ("image", "condaFile", "codeUri"):
        text_of(properties, key)
    object_of(properties, "properties")
    return properties


PREPARE: dict[str, Callable[[State, Workspace, dict[str, Any]], dict[str, Any]]] = {
    "environments": _environment,
    "data": _data,
    "models": prepare_model,
    "components": _component,
    "codes": _as_given,
}


def find(state: State, workspace: Workspace, kind: str, name: str, version: str) -> Resource:
    """One version of an asset.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, kind, name, version)
    if found is None and version == DEFAULT_VERSION:
        active = [e for e in state.store.entries(workspace.key, kind, name) if not _archived(e)]
        found = active[-1] if active else None
    if found is None:
        raise NotFound(
            f"{KINDS[kind]} {name}:{version} was not found in "
            f"{'registry' if workspace.registry else 'workspace'} {workspace.name}.",
            "UserError",
        )
    return found


def find_by_id(state: State, workspace: Workspace, kind: str, reference: str) -> Resource:
    """One version of an asset by its resource id, or by ``azureml:name:version``.

    Raises:
        BadRequest: the reference is neither.
        NotFound: there is no such version, or no such registry.
    """
    shared = IN_REGISTRY.match(reference)
    if shared is not None:
        registry = state.find_registry(shared[1])
        if registry is None:
            raise NotFound(f"Registry {shared[1]} was not found.", "UserError")
        workspace = registry
        newest = re.search(rf"/{kind}/([^/]+)/labels/latest$", reference, re.IGNORECASE)
        if newest is not None:
            return find(state, workspace, kind, newest[1], DEFAULT_VERSION)
    match = re.search(rf"/{kind}/(?:azureml:)?([^/]+)/versions/([^/]+)$", reference, re.IGNORECASE)
    match = match or re.fullmatch(r"azureml:([^:]+):([^:]+)", reference)
    if match is None:
        raise BadRequest(f"{reference!r} names no version of a {KINDS[kind]}", "UserError")
    return find(state, workspace, kind, match[1], match[2])


def version_document(workspace: Workspace, found: Resource) -> dict[str, Any]:
    """A version as the API shows it; clients read name and version out of the id."""
    body = found.body
    if found.kind == "components":
        named = {"name": found.name, "version": found.version}
        body = {**body, "componentSpec": {**body["componentSpec"], **named}}
    return {
        "id": f"{workspace.path}/{found.kind}/{found.name}/versions/{found.version}",
        "name": found.version,
        "type": f"Microsoft.MachineLearningServices/workspaces/{found.kind}/versions",
        "systemData": _system_data(found, found),
        "properties": {
            "provisioningState": "Succeeded",
            "properties": {},
            "tags": {},
            **body,
        },
    }


def _system_data(first: Resource, last: Resource) -> dict[str, Any]:
    """When and by whom, as every document of the API says it."""
    changed = {"lastModifiedBy": USER, "lastModifiedByType": "User"}
    return {**first.system_data, **changed, "lastModifiedAt": last.modified}


def _container(state: State, workspace: Workspace, kind: str, name: str) -> dict[str, Any]:
    found = state.store.entries(workspace.key, kind, name)
    kept = state.store.get(workspace.key, f"{kind}Containers", name)
    if not found and kept is None:
        raise NotFound(f"{KINDS[kind]} container {name} was not found.", "UserError")
    active = [each for each in found if not _archived(each)] or found
    latest = active[-1] if active else None
    return {
        "id": f"{workspace.path}/{kind}/{found[0].name if found else name}",
        "name": found[0].name if found else name,
        "type": f"Microsoft.MachineLearningServices/workspaces/{kind}",
        "systemData": _system_data(found[0], found[-1]) if found else {},
        "properties": {
            "latestVersion": latest.version if latest else None,
            "nextVersion": next_version(state, workspace, kind, name),
            "isArchived": False,
            "dataType": latest.body.get("dataType", "uri_file") if latest else "uri_file",
            "properties": {},
            "tags": {},
            **(kept.body if kept else {}),
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
            if (each.body.get("properties") or {}).get("hash_sha256") == query["hash"]
        ]
    else:
        name = request.path_params["name"]
        found = state.store.entries(workspace.key, kind, name)
        # For a registry the SDK takes 404 for a failure, and could create no first version.
        if not found and not workspace.registry:
            raise NotFound(f"{KINDS[kind]} {name} was not found.", "UserError")
        whole = state.store.get(workspace.key, f"{kind}Containers", name)
        if whole is not None and whole.body.get("isArchived"):
            for each in found:
                each.body["isArchived"] = True
    found = [each for each in reversed(found) if matches_list_view(request, each.body)]
    return [version_document(workspace, each) for each in found[: _top(request)]]


def _archived(found: Resource) -> bool:
    return bool(found.body.get("isArchived", False))


def matches_list_view(request: Request, properties: dict[str, Any]) -> bool:
    """Whether a list shows something, archived or not, as its ``listViewType`` says."""
    view = request.query_params.get("listViewType", "ActiveOnly").lower()
    # Of registries the SDK asks with the name of its own enumeration's member.
    view = view.removeprefix("listviewtype.").replace("_", "")
    if view not in ("activeonly", "archivedonly", "all"):
        raise BadRequest(
            f"listViewType {view!r} is not one of ActiveOnly, ArchivedOnly, All",
            target="listViewType",
        )
    archived = bool(properties.get("isArchived", False))
    return view == "all" or archived is (view == "archivedonly")


def _top(request: Request) -> int | None:
    text = request.query_params.get("$top")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadRequest(f"$top must be a number, not {text!r}", "UserError", target="$top")
    return int(text)


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
                target=key,
            )
    return old.body | {key: properties[key] for key in MUTABLE if key in properties}
