"""The operations on assets and their versions, in workspaces and registries."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource
from azureml_local.assets.versions import (
    DEFAULT_VERSION,
    KINDS,
    Assets,
    create_upload_container,
)
from azureml_local.documents.assets import AssetKind, AssetVersion
from azureml_local.errors import BadRequest, NotFound
from azureml_local.json_fields import as_document, json_of, object_of
from azureml_local.routing import ASSETS_OF_REGISTRY, WORKSPACE, Routes
from azureml_local.state import State


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


def _register(routes: Routes, state: State, root: str, kind: AssetKind, title: str) -> None:
    base = root + f"/{kind}/{{name}}"

    def assets_of(request: Request) -> Assets:
        return Assets(state.workspace(request), kind)

    @routes.add("GET", root + f"/{kind}", f"{title} containers - List")
    async def containers(request: Request) -> Response:
        assets = assets_of(request)
        documents = [assets.container_document(name) for name in assets.names()]
        listed = [
            each for each in documents if matches_list_view(request, each["properties"] or {})
        ]
        return JSONResponse({"value": listed})

    @routes.add("GET", base, f"{title} containers - Get")
    async def container(request: Request) -> Response:
        return JSONResponse(assets_of(request).container_document(request.path_params["name"]))

    @routes.add("PUT", base, f"{title} containers - Create or update")
    async def put_container(request: Request) -> Response:
        assets = assets_of(request)
        name = assets.validate_name(request.path_params["name"])
        assets.update_container(name, object_of(await json_of(request), "properties"))
        return JSONResponse(assets.container_document(name))

    @routes.add("GET", base + "/versions", f"{title} versions - List")
    async def versions(request: Request) -> Response:
        return JSONResponse({"value": _list_versions(assets_of(request), request)})

    @routes.add("GET", base + "/versions/{version}", f"{title} versions - Get")
    async def version(request: Request) -> Response:
        assets, params = assets_of(request), request.path_params
        asset = assets.find(params["name"], params["version"])
        document = assets.document(asset)
        if params["version"] == DEFAULT_VERSION:
            document["id"] = f"{assets.workspace.path}/{kind}/{asset.name}/labels/default"
        return JSONResponse(document)

    @routes.add("PUT", base + "/versions/{version}", f"{title} versions - Create or update")
    async def put(request: Request) -> Response:
        assets, params = assets_of(request), request.path_params
        name = assets.validate_name(params["name"])
        number = assets.validate_name(params["version"], "version")
        properties = object_of(await json_of(request), "properties")
        asset, new = assets.register(name, number, as_document(AssetVersion, properties))
        return JSONResponse(assets.document(asset), status_code=201 if new else 200)


def _list_versions(assets: Assets, request: Request) -> list[ArmResource]:
    """The versions of a name, newest first; of all names if the request has a digest of code."""
    query = request.query_params
    if "hash" in query:
        # The SDK generates a new name for each call, so all code of the workspace is searched.
        versions = [
            each
            for each in assets.versions()
            if (each.body.get("properties") or {}).get("hash_sha256") == query["hash"]
        ]
    else:
        name = request.path_params["name"]
        versions = assets.versions(name)
        # For registries the SDK fails at 404 and could not create the first version.
        if not versions and not assets.workspace.registry:
            raise NotFound(f"{assets.title} {name} was not found.", "UserError")
        container = assets.container(name)
        if container is not None and container.body.get("isArchived"):
            for each in versions:
                each.body["isArchived"] = True
    versions = [each for each in reversed(versions) if matches_list_view(request, each.body)]
    return [assets.document(each) for each in versions[: _top(request)]]


def matches_list_view(request: Request, properties: Mapping[str, object]) -> bool:
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
