"""The storage: the part of the blob protocol that the SDK and ``azure-storage-blob`` use.

A blob is a file under its own name, so that jobs read what was uploaded where it lies; what
:mod:`azureml_local.blob_files` does with it is told there. This module speaks the protocol.
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

from azureml_local import blob_files, blob_listing
from azureml_local.blob_files import META, Blob, NoBlob
from azureml_local.errors import AzureError, BadRequest, Conflict, NotSupported
from azureml_local.routing import Routes
from azureml_local.state import State, inside

ACCOUNTS = "/{account}.blob.core.windows.net"
CONTAINER = ACCOUNTS + "/{container}"
BLOB = CONTAINER + "/{blob:path}"
BLOCK_SECONDS = 7 * 24 * 3600
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What a client may say of a content: the header in a request, and the one in answers.
CONTENT = {
    "x-ms-blob-content-type": "content-type",
    "x-ms-blob-content-encoding": "content-encoding",
    "x-ms-blob-content-language": "content-language",
    "x-ms-blob-content-disposition": "content-disposition",
    "x-ms-blob-cache-control": "cache-control",
    "x-ms-blob-content-md5": "content-md5",
}
ACCOUNT = {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2"}


class _Unmet(AzureError):
    """The blob is not as the request says it must be."""

    status = 412
    code = "ConditionNotMet"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    uploads = state.data / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what a former server had not got whole
    uploads.mkdir()
    _forget_old_blocks(state.data / "blocks")
    _containers(routes, state)

    @routes.add("HEAD", BLOB, "Blobs - Get properties")
    async def head(request: Request) -> Response:
        _only(request, "metadata")
        blob = _blob(state, request)
        if not blob.path.is_file():
            return Response(status_code=404, headers={"x-ms-error-code": NoBlob.code})
        size = str(blob.path.stat().st_size)
        return Response(headers=blob_files.headers(state, blob) | {"content-length": size})

    @routes.add("GET", BLOB, "Blobs - Get")
    async def get(request: Request) -> Response:
        if request.query_params.get("restype") == "account":
            return Response(headers=ACCOUNT)
        _only(request)
        blob = _blob(state, request)
        path, headers = blob.there(), blob_files.headers(state, blob)
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers={"etag": headers["etag"]})
        _require(request, headers["etag"])
        return _content(path, headers, request)

    @routes.add("PUT", BLOB, "Blobs - Put (whole, block, block list, metadata, copy)")
    async def put(request: Request) -> Response:
        _only(request, "block", "blocklist", "metadata", "properties")
        blob, part = _blob(state, request), request.query_params.get("comp")
        _require(request, blob_files.tag_of(blob.path) if blob.path.is_file() else None)
        blocks = state.data / "blocks" / hashlib.sha256(str(blob.path).encode()).hexdigest()
        if part == "block":
            await _put_block(uploads, blocks, request)
            return Response(status_code=201)
        if part in ("metadata", "properties"):
            kept = _kept(request, META if part == "metadata" else "x-ms-blob-")
            others = blob_files.about(state, blob) if blob.there() else {}
            mine = others.keys() & set(CONTENT.values()) if part == "metadata" else _metas(others)
            blob_files.keep(state, blob, {key: others[key] for key in mine} | kept)
            return Response(headers={"etag": blob_files.tag_of(blob.path)})
        if part == "blocklist":
            ids = _block_list(await request.body())
            parts = [blocks / _block(each) for each in ids]
            finished = await run_in_threadpool(blob_files.joined, uploads, parts)
        elif "x-ms-copy-source" in request.headers:
            return await _copy(state, uploads, blob, request)
        else:
            if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
                raise NotSupported("azureml-local stores block blobs alone")
            digest = request.headers.get("content-md5")
            finished = await blob_files.received(uploads, request.stream(), digest)
        _publish(state, blob, finished, request)
        if part == "blocklist":
            await run_in_threadpool(shutil.rmtree, blocks, ignore_errors=True)
        return Response(status_code=201, headers={"etag": blob_files.tag_of(blob.path)})

    @routes.add("DELETE", BLOB, "Blobs - Delete")
    async def delete(request: Request) -> Response:
        _only(request)
        blob = _blob(state, request)
        _require(request, blob_files.tag_of(blob.there()))
        blob.path.unlink(missing_ok=True)
        state.store.delete(blob.account, blob_files.KIND, blob.name)
        return Response(status_code=202)


def _containers(routes: Routes, state: State) -> None:
    @routes.add("GET", CONTAINER, "Blobs - List, Containers - Get properties")
    async def list_blobs(request: Request) -> Response:
        if request.query_params.get("restype") == "account":
            return Response(headers=ACCOUNT)
        root = _folder(state, request)
        _only(request, "list", "metadata")
        if request.query_params.get("comp") != "list":  # the container's properties
            if not root.is_dir():
                raise NoBlob("The specified container does not exist.", "ContainerNotFound")
            modified = formatdate(root.stat().st_mtime, usegmt=True)
            return Response(headers={"etag": blob_files.tag_of(root), "last-modified": modified})
        return await run_in_threadpool(blob_listing.answer, state, root, request)

    # The SDK takes a registry's account for a container, and its containers for folders.
    @routes.add("GET", ACCOUNTS, "Blobs - List of an account")
    async def list_account(request: Request) -> Response:
        _only(request, "list")
        root = state.data / "blobs" / state.workspace_by_key(request.path_params["account"]).key
        return await run_in_threadpool(blob_listing.answer, state, root, request)

    @routes.add("PUT", CONTAINER, "Containers - Create")
    async def create_container(request: Request) -> Response:
        _only(request)
        root = _folder(state, request)
        if root.is_dir():
            raise Conflict("The specified container already exists.", "ContainerAlreadyExists")
        root.mkdir(parents=True)
        return Response(status_code=201, headers={"etag": blob_files.tag_of(root)})


def _folder(state: State, request: Request) -> Path:
    params = request.path_params
    workspace = state.workspace_by_key(params["account"])
    # Code is uploaded to a container of its own each time.
    if not re.fullmatch(r"[A-Za-z0-9-]{3,63}", params["container"]):
        raise BadRequest("the container's name is not valid", "InvalidResourceName")
    return state.data / "blobs" / workspace.key / str(params["container"])


def _blob(state: State, request: Request) -> Blob:
    params = request.path_params
    path = inside(_folder(state, request), params["blob"])
    return Blob(params["account"], f"{params['container']}/{params['blob']}", path)


def _only(request: Request, *parts: str) -> None:
    """Refuse the parts of the protocol that are not here, rather than answer something else.

    Raises:
        NotSupported: the request is one of them.
    """
    part = request.query_params.get("comp")
    if part is not None and part not in parts:
        raise NotSupported(f"Blobs - {request.method} with comp={part}: azureml-local has it not")
    if "snapshot" in request.query_params or "versionid" in request.query_params:
        raise NotSupported("Blobs - Snapshots and versions: azureml-local has them not")


def _require(request: Request, tag: str | None) -> None:
    """Hold a request's conditions against the tag of what is there; None: nothing is.

    Raises:
        Conflict: the blob must not be there, and is.
        _Unmet: it must be another than it is.
    """
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if unwanted == "*" and tag is not None:
        raise Conflict("The specified blob already exists.", "BlobAlreadyExists")
    met = wanted is None or (tag is not None and wanted in ("*", tag))
    if not met or (unwanted is not None and unwanted == tag):
        raise _Unmet("The condition specified using HTTP conditional header(s) is not met.")


def _kept(request: Request, prefix: str = "") -> dict[str, str]:
    """What a request says of the content, as answers will say it.

    Raises:
        BadRequest: a name among the metadata is none that Azure takes.
    """
    for key in request.headers:
        if key.startswith(META) and not IDENTIFIER.match(key.removeprefix(META)):
            raise BadRequest(f"{key} is not valid as metadata", "InvalidMetadata")
    given = {key: value for key, value in request.headers.items() if key.startswith(prefix)}
    named = {CONTENT[key]: value for key, value in given.items() if key in CONTENT}
    return {key: value for key, value in given.items() if key.startswith(META)} | named


def _metas(kept: dict[str, str]) -> set[str]:
    return {key for key in kept if key.startswith(META)}


def _publish(state: State, blob: Blob, finished: Path, request: Request) -> None:
    try:
        # Once more: another request may have been quicker while this one's content came.
        _require(request, blob_files.tag_of(blob.path) if blob.path.is_file() else None)
        blob_files.publish(state, blob, finished, _kept(request))
    finally:
        finished.unlink(missing_ok=True)


async def _put_block(uploads: Path, blocks: Path, request: Request) -> None:
    name = _block(request.query_params.get("blockid", ""))
    digest = request.headers.get("content-md5")
    finished = await blob_files.received(uploads, request.stream(), digest)
    blocks.mkdir(parents=True, exist_ok=True)
    finished.replace(blocks / name)


async def _copy(state: State, uploads: Path, blob: Blob, request: Request) -> Response:
    """A copy of another blob of the same account; done when it is answered.

    Raises:
        NotSupported: the source is elsewhere.
        NoBlob: there is no such blob.
    """
    source = request.headers["x-ms-copy-source"].partition("?")[0]
    host, _, rest = source.partition(".blob.core.windows.net/")
    container, _, name = rest.partition("/")
    if not host.startswith(state.url) or host.rpartition("/")[2] != blob.account:
        raise NotSupported("Blobs - Copy: azureml-local copies within one storage account alone")
    path = inside(state.data / "blobs" / blob.account, f"{container}/{unquote(name)}")
    other = Blob(blob.account, f"{container}/{unquote(name)}", path)
    finished = await run_in_threadpool(blob_files.joined, uploads, [other.there()])
    headers = blob_files.about(state, other)
    try:
        given = {key: value for key, value in _kept(request).items() if key.startswith(META)}
        kept = {key: headers[key] for key in headers.keys() - _metas(headers)} | given
        blob_files.publish(state, blob, finished, kept if given else headers)
    finally:
        finished.unlink(missing_ok=True)
    tag = blob_files.tag_of(blob.path)
    done = {"etag": tag, "x-ms-copy-id": tag.strip('"'), "x-ms-copy-status": "success"}
    return Response(status_code=202, headers=done)


def _block(block_id: str) -> str:
    """A block's file name; its id is chosen by the client."""
    return hashlib.sha256(base64.b64encode(block_id.encode())).hexdigest()


def _block_list(body: bytes) -> list[str]:
    """The ids of the blocks that make a blob, in order.

    Raises:
        BadRequest: the body is no such list.
    """
    try:
        return [node.text or "" for node in defusedxml.ElementTree.fromstring(body)]
    except (ElementTree.ParseError, defusedxml.DefusedXmlException) as error:
        raise BadRequest(f"the block list is no XML: {error}", "InvalidXmlDocument") from None


def _forget_old_blocks(blocks: Path) -> None:
    """Blocks that were never made a blob are kept for a week, as by Azure."""
    limit = time.time() - BLOCK_SECONDS
    for folder in blocks.iterdir() if blocks.is_dir() else ():
        if folder.stat().st_mtime < limit:
            shutil.rmtree(folder)


def _content(path: Path, headers: dict[str, str], request: Request) -> Response:
    """All of it, or a range; as much as there is now, since a log may grow while it is read."""
    wanted = request.headers.get("x-ms-range") or request.headers.get("range")
    size = path.stat().st_size
    if wanted is None:
        length = {"content-length": str(size)}
        return StreamingResponse(blob_files.chunks(path.open("rb"), 0, size), 200, headers | length)
    found = blob_files.span(wanted, size)
    if found is None:
        headers = {"content-range": f"bytes */{size}", "x-ms-error-code": "InvalidRange"}
        return Response(status_code=416, headers=headers)
    first, last = found
    whole = headers.pop("content-md5", None)  # of all of it, not of the range
    headers |= {"x-ms-blob-content-md5": whole} if whole else {}
    headers |= {
        "content-range": f"bytes {first}-{last}/{size}",
        "content-length": str(last - first + 1),
    }
    part = blob_files.chunks(path.open("rb"), first, last - first + 1)
    return StreamingResponse(part, 206, headers)
