"""Versioned assets: environments, data, models and code.

The same rules hold for all kinds: an existing version is immutable, an automatic version is the
greatest number plus one, and ``latest`` is the version that was created last. The kinds differ in
the fields that are their content, and in their validation.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth, components
from azureml_local.addresses import blob_endpoint, resolve_job_uri
from azureml_local.errors import BadRequest, Conflict, NotFound
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
"""The version that the SDK requests for a component without a version: the latest."""
IN_REGISTRY = re.compile(r"azureml://registries/([^/]+)/", re.IGNORECASE)
LABEL = (
    r"/{kind}/(?:azureml:)?([^/]+)/labels/(?:latest|default)$"
    r"|^(?:azureml:)?([^/:@]+)@(?:latest|default)$"
)
# The names under which the SDK registers assets without a name.
ANONYMOUS_NAMES = ("CliV2AnonymousEnvironment", components.ANONYMOUS)
# The fields of an existing version that may change.
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
        uri, sas = create_upload_container(workspace)
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


def create_upload_container(workspace: Workspace) -> tuple[str, str]:
    """Create a container for an asset's files; returns its address and its SAS token.

    Each upload gets a new container, because the SDK does not upload a file whose name exists
    already, whatever its content.
    """
    container = f"code-{uuid.uuid4()}"
    (workspace.blobs / container).mkdir(parents=True)
    uri = f"{blob_endpoint(workspace)}/{container}"
    return uri, auth.sas_token(workspace.state.secret, workspace.key)


def _register(routes: Routes, state: State, root: str, kind: str, title: str) -> None:
    base = root + f"/{kind}/{{name}}"

    @routes.add("GET", root + f"/{kind}", f"{title} containers - List")
    async def containers(request: Request) -> Response:
        workspace = state.workspace(request)
        names = dict.fromkeys(asset.name for asset in workspace.documents.entries(kind))
        documents = [
            _container(workspace, kind, name) for name in names if name not in ANONYMOUS_NAMES
        ]
        return JSONResponse(
            {
                "value": [
                    document
                    for document in documents
                    if matches_list_view(request, document["properties"])
                ]
            }
        )

    @routes.add("GET", base, f"{title} containers - Get")
    async def container(request: Request) -> Response:
        workspace = state.workspace(request)
        return JSONResponse(_container(workspace, kind, request.path_params["name"]))

    @routes.add("PUT", base, f"{title} containers - Create or update")
    async def put_container(request: Request) -> Response:
        workspace, name = (
            state.workspace(request),
            validate_name(KINDS[kind], request.path_params["name"]),
        )
        properties = object_of(await json_of(request), "properties")
        changes = {key: properties[key] for key in MUTABLE if key in properties}
        workspace.documents.put(f"{kind}Containers", name, changes)
        return JSONResponse(_container(workspace, kind, name))

    @routes.add("GET", base + "/versions", f"{title} versions - List")
    async def versions(request: Request) -> Response:
        return JSONResponse({"value": _versions(state.workspace(request), kind, request)})

    @routes.add("GET", base + "/versions/{version}", f"{title} versions - Get")
    async def version(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        asset = find(workspace, kind, params["name"], params["version"])
        document = version_document(workspace, asset)
        if params["version"] == DEFAULT_VERSION:
            document["id"] = f"{workspace.path}/{kind}/{asset.name}/labels/default"
        return JSONResponse(document)

    @routes.add("PUT", base + "/versions/{version}", f"{title} versions - Create or update")
    async def put(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        name, number = (
            validate_name(KINDS[kind], params["name"]),
            validate_name(KINDS[kind], params["version"], "version"),
        )
        properties = object_of(await json_of(request), "properties")
        asset, new = register_version(workspace, kind, name, number, properties)
        return JSONResponse(version_document(workspace, asset), status_code=201 if new else 200)


def register_version(
    workspace: Workspace,
    kind: str,
    name: str,
    version: str,
    new_properties: dict[str, Any],
) -> tuple[Resource, bool]:
    """Create a version or update its mutable fields; also returns whether it is new.

    Raises:
        BadRequest: a property is not valid.
        Conflict: the version exists with other content.
    """
    properties = PREPARE[kind](workspace, new_properties)
    if kind == "components":
        spec = components.complete_spec(name, properties)
        properties = {**properties, "componentSpec": spec}
        if name == components.ANONYMOUS:
            version = components.content_version(spec)
    with workspace.documents.transaction():
        old = workspace.documents.get(kind, name, version)
        if old is not None:
            properties = _updated(old, properties, kind, f"{KINDS[kind]} {name}:{version}")
        return workspace.documents.put(kind, name, properties, version), old is None


def next_version(workspace: Workspace, kind: str, name: str) -> str:
    """The greatest number among the versions, plus one; for a component, the time."""
    assets = workspace.documents.entries(kind, name)
    if kind == "components" and assets:
        return components.next_version()
    numbers = [int(asset.version) for asset in assets if asset.version.isdigit()]
    return str(max(numbers, default=0) + 1)


def validate_name(title: str, text: str, what: str = "name") -> str:
    """Return a name or version if it is valid.

    Raises:
        BadRequest: it is not valid.
    """
    if not NAME.match(text):
        raise BadRequest(
            f"{title} {what} {text!r} is not valid: it must start with a letter, a digit or '_', "
            "contain only letters, digits, '_', '-' and '.', and have at most 255 characters",
            "UserError",
            target=what,
        )
    return text


def _data(workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    uri, kind = text_of(properties, "dataUri"), text_of(properties, "dataType", "uri_folder")
    if kind not in DATA_TYPES:
        raise BadRequest(
            f"dataType: {kind!r} is unknown; use one of {', '.join(DATA_TYPES)}",
            "UserError",
            target="dataType",
        )
    if not uri:
        raise BadRequest("dataUri: data must have an address", "UserError", target="dataUri")
    uri = resolve_job_uri(workspace, uri)
    if kind != "uri_file" and uri.startswith("azureml://") and not uri.endswith("/"):
        uri += "/"  # as the service returns folders
    return {**properties, "dataUri": uri, "dataType": kind}


def _environment(workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    build = object_of(properties, "build")
    if build:
        properties = {**properties, "build": {"dockerfilePath": "Dockerfile", **build}}
    elif not text_of(properties, "image") and not text_of(properties, "condaFile"):
        raise BadRequest("environment: image or build: one of them is required", "UserError")
    return {"osType": "Linux", **_as_given(workspace, properties)}


def _as_given(workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    for key in ("image", "condaFile", "codeUri"):
        text_of(properties, key)
    object_of(properties, "properties")
    return properties


PREPARE: dict[str, Callable[[Workspace, dict[str, Any]], dict[str, Any]]] = {
    "environments": _environment,
    "data": _data,
    "models": prepare_model,
    "components": _as_given,
    "codes": _as_given,
}


def find(workspace: Workspace, kind: str, name: str, version: str) -> Resource:
    """One version of an asset.

    Raises:
        NotFound: it does not exist.
    """
    asset = workspace.documents.get(kind, name, version)
    if asset is None and version == DEFAULT_VERSION:
        active = [each for each in workspace.documents.entries(kind, name) if not _archived(each)]
        asset = active[-1] if active else None
    if asset is None:
        raise NotFound(
            f"{KINDS[kind]} {name}:{version} was not found in "
            f"{'registry' if workspace.registry else 'workspace'} {workspace.name}.",
            "UserError",
        )
    return asset


def find_by_id(workspace: Workspace, kind: str, reference: str) -> Resource:
    """One version of an asset by its resource id, or by ``name:version``, also after ``azureml:``.

    Raises:
        BadRequest: the reference is neither.
        NotFound: the version or the registry does not exist.
    """
    shared = IN_REGISTRY.match(reference)
    if shared is not None:
        registry = workspace.state.find_registry(shared[1])
        if registry is None:
            raise NotFound(f"Registry {shared[1]} was not found.", "UserError")
        workspace = registry
    newest = re.search(LABEL.format(kind=kind), reference, re.IGNORECASE)
    if newest is not None:
        return find(workspace, kind, newest[1] or newest[2], DEFAULT_VERSION)
    match = re.search(rf"/{kind}/(?:azureml:)?([^/]+)/versions/([^/]+)$", reference, re.IGNORECASE)
    match = match or re.fullmatch(r"(?:azureml:)?([^/:]+):([^/:]+)", reference)
    if match is None:
        raise BadRequest(f"{reference!r} is not the id of a {KINDS[kind]} version", "UserError")
    return find(workspace, kind, match[1], match[2])


def version_document(workspace: Workspace, asset: Resource) -> dict[str, Any]:
    """A version as the API shows it; clients read name and version from the id."""
    body = asset.body
    if asset.kind == "components":
        identity = {"name": asset.name, "version": asset.version}
        body = {**body, "componentSpec": {**identity, **body["componentSpec"]}}
    return workspace.document(
        f"{asset.kind}/{asset.name}/versions/{asset.version}",
        systemData=_system_data(asset, asset),
        properties={
            "provisioningState": "Succeeded",
            "properties": {},
            "tags": {},
            **body,
        },
    )


def _system_data(first: Resource, last: Resource) -> dict[str, Any]:
    """The ``systemData`` of a document: when it was created and changed, and by whom."""
    changed = {"lastModifiedBy": USER, "lastModifiedByType": "User"}
    return {**first.system_data, **changed, "lastModifiedAt": last.modified}


def _container(workspace: Workspace, kind: str, name: str) -> dict[str, Any]:
    versions = workspace.documents.entries(kind, name)
    container = workspace.documents.get(f"{kind}Containers", name)
    if not versions and container is None:
        raise NotFound(f"{KINDS[kind]} container {name} was not found.", "UserError")
    active = [each for each in versions if not _archived(each)] or versions
    latest = active[-1] if active else None
    return workspace.document(
        f"{kind}/{versions[0].name if versions else name}",
        systemData=_system_data(versions[0], versions[-1]) if versions else {},
        properties={
            "latestVersion": latest.version if latest else None,
            "nextVersion": next_version(workspace, kind, name),
            "isArchived": False,
            "dataType": latest.body.get("dataType", "uri_file") if latest else "uri_file",
            "properties": {},
            "tags": {},
            **(container.body if container else {}),
        },
    )


def _versions(workspace: Workspace, kind: str, request: Request) -> list[dict[str, Any]]:
    """The versions of a name, newest first; of all names if the request has a digest of code."""
    query = request.query_params
    if "hash" in query:
        # The SDK generates a new name for each call, so all code of the workspace is searched.
        versions = [
            each
            for each in workspace.documents.entries(kind)
            if (each.body.get("properties") or {}).get("hash_sha256") == query["hash"]
        ]
    else:
        name = request.path_params["name"]
        versions = workspace.documents.entries(kind, name)
        # For registries the SDK fails at 404 and could not create the first version.
        if not versions and not workspace.registry:
            raise NotFound(f"{KINDS[kind]} {name} was not found.", "UserError")
        container = workspace.documents.get(f"{kind}Containers", name)
        if container is not None and container.body.get("isArchived"):
            for each in versions:
                each.body["isArchived"] = True
    versions = [each for each in reversed(versions) if matches_list_view(request, each.body)]
    return [version_document(workspace, each) for each in versions[: _top(request)]]


def _archived(asset: Resource) -> bool:
    return bool(asset.body.get("isArchived", False))


def matches_list_view(request: Request, properties: dict[str, Any]) -> bool:
    """Whether the request's ``listViewType`` includes an object with these properties."""
    view = request.query_params.get("listViewType", "ActiveOnly").lower()
    # For registries the SDK sends the name of its own enumeration's member.
    view = view.removeprefix("listviewtype.").replace("_", "")
    if view not in ("activeonly", "archivedonly", "all"):
        raise BadRequest(
            f"listViewType: {view!r} is not one of ActiveOnly, ArchivedOnly, All",
            target="listViewType",
        )
    archived = bool(properties.get("isArchived", False))
    return view == "all" or archived is (view == "archivedonly")


def _top(request: Request) -> int | None:
    text = request.query_params.get("$top")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadRequest(f"$top: must be a number (got {text!r})", "UserError", target="$top")
    return int(text)


def _updated(old: Resource, properties: dict[str, Any], kind: str, title: str) -> dict[str, Any]:
    """The body of an existing version with its mutable fields updated.

    Raises:
        Conflict: another field differs; the SDK then uses the next version.
    """
    for key in CONTENT[kind]:
        new, existing = properties.get(key), old.body.get(key)
        if kind == "components":
            new, existing = (
                components.unchangeable_content(each or {}) for each in (new, existing)
            )
        if new != existing:
            raise Conflict(
                f"{title} exists with another {key}, and versions cannot be changed; "
                "register a new version",
                "UserError",
                target=key,
            )
    changeable = (*MUTABLE, *CONTENT["components"]) if kind == "components" else MUTABLE
    return old.body | {key: properties[key] for key in changeable if key in properties}
