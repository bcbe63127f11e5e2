"""The blob service: the operations that the SDK and ``azure-storage-blob`` use.

Each blob is a file with the blob's name, so jobs read uploaded files directly.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import defusedxml
import defusedxml.ElementTree
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from azureml_local.errors import AzureError, BadRequest, Conflict, NotSupported
from azureml_local.files import inside
from azureml_local.routing import Routes
from azureml_local.state import State
from azureml_local.storage import blob_files, blob_listing, data_lake
from azureml_local.storage.blob_files import META, Blob, NoBlob

ACCOUNTS = "/{account}.blob.core.windows.net"
CONTAINER = ACCOUNTS + "/{container}"
BLOB = CONTAINER + "/{blob:path}"
BLOCK_SECONDS = 7 * 24 * 3600
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Headers of a content: the name in requests, and the name in responses.
CONTENT = {
    "x-ms-blob-content-type": "content-type",
    "x-ms-blob-content-encoding": "content-encoding",
    "x-ms-blob-content-language": "content-language",
    "x-ms-blob-content-disposition": "content-disposition",
    "x-ms-blob-cache-control": "cache-control",
    "x-ms-blob-content-md5": "content-md5",
}
ACCOUNT = {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2"}


class ConditionNotMet(AzureError):
    """A condition of the request is not met."""

    status = 412
    code = "ConditionNotMet"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    uploads = state.data / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # incomplete uploads of the previous server
    uploads.mkdir()
    _delete_old_blocks(state.data / "blocks")
    for workspace in state.workspaces():  # an older azureml-local created containers on first use
        workspace.create_containers()
    _containers(routes, state)

    @routes.add("HEAD", BLOB, "Blobs - Get properties")
    async def head(request: Request) -> Response:
        _refuse_other_parts(request, "metadata")
        try:
            blob = _blob(state, request)
            if data_lake.is_folder(state, blob):
                return Response(headers=data_lake.folder_headers(state, blob))
            blob.existing_path()
        except NoBlob as error:  # a response to HEAD has no body
            return Response(status_code=404, headers={"x-ms-error-code": error.code})
        size = str(blob.path.stat().st_size)
        return Response(headers=blob_files.headers(state, blob) | {"content-length": size})

    @routes.add("GET", BLOB, "Blobs - Get")
    async def get(request: Request) -> Response:
        if request.query_params.get("restype") == "account":
            return Response(headers=ACCOUNT)
        _refuse_other_parts(request)
        blob = _blob(state, request)
        path, headers = blob.existing_path(), blob_files.headers(state, blob)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers={"etag": headers["etag"]})
        _check_conditions(request, headers["etag"])
        return _stream(path, headers, request)

    @routes.add("PUT", BLOB, "Blobs - Put (whole, block, block list, metadata, copy)")
    async def put(request: Request) -> Response:
        _refuse_other_parts(request, "block", "blocklist", "metadata", "properties")
        blob, comp = _blob(state, request), request.query_params.get("comp")
        _check_conditions(request, blob_files.etag(blob.path) if blob.path.is_file() else None)
        blocks = state.data / "blocks" / hashlib.sha256(str(blob.path).encode()).hexdigest()
        if comp == "block":
            await _put_block(uploads, blocks, request)
            return Response(status_code=201)
        if comp == "metadata" and data_lake.is_folder(state, blob):
            blob_files.store_headers(state, blob, _content_headers(request, META))
            return Response(headers={"etag": blob_files.etag(blob.path)})
        if comp in ("metadata", "properties"):
            new_headers = _content_headers(request, META if comp == "metadata" else "x-ms-blob-")
            old_headers = blob_files.stored_headers(state, blob) if blob.existing_path() else {}
            unchanged = (
                old_headers.keys() & set(CONTENT.values())
                if comp == "metadata"
                else _metadata_names(old_headers)
            )
            blob_files.store_headers(
                state, blob, {key: old_headers[key] for key in unchanged} | new_headers
            )
            return Response(headers={"etag": blob_files.etag(blob.path)})
        if comp == "blocklist":
            ids = _parse_block_list(await request.body())
            parts = [blocks / _block_file_name(each) for each in ids]
            finished = await run_in_threadpool(blob_files.concatenate, uploads, parts)
        elif "x-ms-copy-source" in request.headers:
            return await _copy(state, uploads, blob, request)
        else:
            if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
                raise NotSupported("Blobs - Put: only block blobs are supported by azureml-local")
            digest = request.headers.get("content-md5")
            finished = await blob_files.receive(uploads, request.stream(), digest)
        _publish(state, blob, finished, request)
        if comp == "blocklist":
            await run_in_threadpool(shutil.rmtree, blocks, ignore_errors=True)
        return Response(status_code=201, headers={"etag": blob_files.etag(blob.path)})

    @routes.add("DELETE", BLOB, "Blobs - Delete")
    async def delete(request: Request) -> Response:
        _refuse_other_parts(request)
        blob = _blob(state, request)
        _check_conditions(request, blob_files.etag(blob.existing_path()))
        blob.path.unlink(missing_ok=True)
        state.store.delete(blob.account, blob_files.KIND, blob.name)
        return Response(status_code=202)


def _containers(routes: Routes, state: State) -> None:
    @routes.add("GET", CONTAINER, "Blobs - List, Containers - Get properties")
    async def list_blobs(request: Request) -> Response:
        if request.query_params.get("restype") == "account":
            return Response(headers=ACCOUNT)
        root = _container(state, request)
        _refuse_other_parts(request, "list", "metadata")
        if request.query_params.get("comp") != "list":  # the container's properties
            modified = formatdate(root.stat().st_mtime, usegmt=True)
            return Response(headers={"etag": blob_files.etag(root), "last-modified": modified})
        return await run_in_threadpool(blob_listing.list_blobs, state, root, request)

    # For registries the SDK uses the account as container, and its containers as folders.
    @routes.add("GET", ACCOUNTS, "Blobs - List of an account")
    async def list_account(request: Request) -> Response:
        _refuse_other_parts(request, "list")
        root = state.data / "blobs" / state.workspace_by_key(request.path_params["account"]).key
        return await run_in_threadpool(blob_listing.list_blobs, state, root, request)

    @routes.add("PUT", CONTAINER, "Containers - Create")
    async def create_container(request: Request) -> Response:
        _refuse_other_parts(request)
        root = _folder(state, request)
        if root.is_dir():
            raise Conflict("The specified container already exists.", "ContainerAlreadyExists")
        root.mkdir(parents=True)
        return Response(status_code=201, headers={"etag": blob_files.etag(root)})


def _folder(state: State, request: Request) -> Path:
    params = request.path_params
    workspace = state.workspace_by_key(params["account"])
    # Each code upload has a container of its own.
    if not re.fullmatch(r"[A-Za-z0-9-]{3,63}", params["container"]):
        raise BadRequest(
            f"container name {params['container']!r} is not valid", "InvalidResourceName"
        )
    return workspace.blobs / str(params["container"])


def _container(state: State, request: Request) -> Path:
    """The folder of a container.

    Raises:
        NoBlob: it does not exist.
    """
    folder = _folder(state, request)
    if not folder.is_dir():
        raise NoBlob("The specified container does not exist.", "ContainerNotFound")
    return folder


def _blob(state: State, request: Request) -> Blob:
    params = request.path_params
    path = inside(_container(state, request), params["blob"])
    return Blob(params["account"], f"{params['container']}/{params['blob']}", path)


def _refuse_other_parts(request: Request, *parts: str) -> None:
    """Refuse other values of ``comp``, snapshots and versions.

    Raises:
        NotSupported: the request has one of them.
    """
    part = request.query_params.get("comp")
    if part is not None and part not in parts:
        raise NotSupported(
            f"Blobs - {request.method} with comp={part}: not supported by azureml-local"
        )
    if "snapshot" in request.query_params or "versionid" in request.query_params:
        raise NotSupported("Blobs - Snapshots and versions: not supported by azureml-local")


def _check_conditions(request: Request, tag: str | None) -> None:
    """Check a request's conditions against the etag of the blob; None if it does not exist.

    Raises:
        Conflict: the blob exists, and must not.
        _Unmet: the etag does not match.
    """
    if_match, if_none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if if_none_match == "*" and tag is not None:
        raise Conflict("The specified blob already exists.", "BlobAlreadyExists")
    matches = if_match is None or (tag is not None and if_match in ("*", tag))
    if not matches or (if_none_match is not None and if_none_match == tag):
        raise ConditionNotMet(
            "The condition specified using HTTP conditional header(s) is not met."
        )


def _content_headers(request: Request, prefix: str = "") -> dict[str, str]:
    """The headers of the content in a request, with their names in responses.

    Raises:
        BadRequest: a name in the metadata is not valid.
    """
    for key in request.headers:
        if key.startswith(META) and not IDENTIFIER.match(key.removeprefix(META)):
            raise BadRequest(f"{key}: the metadata name is not valid", "InvalidMetadata")
    headers = {key: value for key, value in request.headers.items() if key.startswith(prefix)}
    content_headers = {CONTENT[key]: value for key, value in headers.items() if key in CONTENT}
    return {key: value for key, value in headers.items() if key.startswith(META)} | content_headers


def _metadata_names(headers: dict[str, str]) -> set[str]:
    return {key for key in headers if key.startswith(META)}


def _publish(state: State, blob: Blob, finished: Path, request: Request) -> None:
    try:
        # Check again: the blob may have changed while this request's content arrived.
        _check_conditions(request, blob_files.etag(blob.path) if blob.path.is_file() else None)
        blob_files.publish(state, blob, finished, _content_headers(request))
    finally:
        finished.unlink(missing_ok=True)


async def _put_block(uploads: Path, blocks: Path, request: Request) -> None:
    name = _block_file_name(request.query_params.get("blockid", ""))
    digest = request.headers.get("content-md5")
    finished = await blob_files.receive(uploads, request.stream(), digest)
    blocks.mkdir(parents=True, exist_ok=True)
    finished.replace(blocks / name)


async def _copy(state: State, uploads: Path, blob: Blob, request: Request) -> Response:
    """Copy a blob within the account; the copy is complete when the response is sent.

    Raises:
        NotSupported: the source is in another account.
        NoBlob: the source does not exist.
    """
    source = request.headers["x-ms-copy-source"].partition("?")[0]
    host, _, rest = source.partition(".blob.core.windows.net/")
    container, _, name = rest.partition("/")
    if not host.startswith(state.url) or host.rpartition("/")[2] != blob.account:
        raise NotSupported(
            "Blobs - Copy: copies from other storage accounts are not supported by azureml-local"
        )
    path = inside(state.data / "blobs" / blob.account, f"{container}/{unquote(name)}")
    other = Blob(blob.account, f"{container}/{unquote(name)}", path)
    finished = await run_in_threadpool(blob_files.concatenate, uploads, [other.existing_path()])
    headers = blob_files.stored_headers(state, other)
    try:
        metadata = {
            key: value for key, value in _content_headers(request).items() if key.startswith(META)
        }
        content_headers = {
            key: headers[key] for key in headers.keys() - _metadata_names(headers)
        } | metadata
        blob_files.publish(state, blob, finished, content_headers if metadata else headers)
    finally:
        finished.unlink(missing_ok=True)
    tag = blob_files.etag(blob.path)
    copy_headers = {"etag": tag, "x-ms-copy-id": tag.strip('"'), "x-ms-copy-status": "success"}
    return Response(status_code=202, headers=copy_headers)


def _block_file_name(block_id: str) -> str:
    """The file name of a block; clients choose its id."""
    return hashlib.sha256(base64.b64encode(block_id.encode())).hexdigest()


def _parse_block_list(body: bytes) -> list[str]:
    """The ids of the blocks of a blob, in order.

    Raises:
        BadRequest: the body is not a block list.
    """
    try:
        return [node.text or "" for node in defusedxml.ElementTree.fromstring(body)]
    except (ElementTree.ParseError, defusedxml.DefusedXmlException) as error:
        raise BadRequest(
            f"the block list is not valid XML: {error}", "InvalidXmlDocument"
        ) from None


def _delete_old_blocks(blocks: Path) -> None:
    """Delete uncommitted blocks after a week, as Azure does."""
    limit = time.time() - BLOCK_SECONDS
    for folder in blocks.iterdir() if blocks.is_dir() else ():
        if folder.stat().st_mtime < limit:
            shutil.rmtree(folder)


def _stream(path: Path, headers: dict[str, str], request: Request) -> Response:
    """The content or a range of it, with its current size: a log may grow during the read."""
    range_header = request.headers.get("x-ms-range") or request.headers.get("range")
    size = path.stat().st_size
    if range_header is None:
        length = {"content-length": str(size)}
        return StreamingResponse(blob_files.chunks(path.open("rb"), 0, size), 200, headers | length)
    byte_range = blob_files.parse_range(range_header, size)
    if byte_range is None:
        headers = {"content-range": f"bytes */{size}", "x-ms-error-code": "InvalidRange"}
        return Response(status_code=416, headers=headers)
    first, last = byte_range
    md5 = headers.pop("content-md5", None)  # of the whole content, not of the range
    headers |= {"x-ms-blob-content-md5": md5} if md5 else {}
    headers |= {
        "content-range": f"bytes {first}-{last}/{size}",
        "content-length": str(last - first + 1),
    }
    part = blob_files.chunks(path.open("rb"), first, last - first + 1)
    return StreamingResponse(part, 206, headers)
