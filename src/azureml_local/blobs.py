"""The storage: the part of the blob protocol that the SDK and ``azure-storage-blob`` use.

A blob is a file under its own name, so that jobs read what was uploaded where it lies. Its metadata
is a document in the store. Content is streamed to a file beside and renamed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from xml.etree import ElementTree

import defusedxml
import defusedxml.ElementTree
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from azureml_local.errors import AzureError, BadRequest, Conflict, NotSupported
from azureml_local.routing import Routes
from azureml_local.state import State, inside

CONTAINER = "/{account}.blob.core.windows.net/{container}"
BLOB = CONTAINER + "/{blob:path}"
CHUNK = 1 << 20
BLOCK_SECONDS = 7 * 24 * 3600
MOST_LISTED = 5000
KIND = "blobs"


class _NoBlob(AzureError):
    """The storage's own word for what is not there."""

    status = 404
    code = "BlobNotFound"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    uploads = state.data / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what a former server had not got whole
    uploads.mkdir()
    _forget_old_blocks(state.data / "blocks")

    def folder(request: Request) -> Path:
        params = request.path_params
        workspace = state.by_key(params["account"])
        # Code is uploaded to a container of its own each time.
        if not re.fullmatch(r"[A-Za-z0-9-]{3,63}", params["container"]):
            raise BadRequest("the container's name is not valid", "InvalidResourceName")
        return state.data / "blobs" / workspace.key / str(params["container"])

    @routes.add("GET", CONTAINER, "Blobs - List, Containers - Get properties")
    async def list_blobs(request: Request) -> Response:
        root = folder(request)
        if request.query_params.get("comp") != "list":  # the container's properties
            if not root.is_dir():
                raise _NoBlob("The specified container does not exist.", "ContainerNotFound")
            return Response(headers={"etag": _etag(root)})
        return await run_in_threadpool(_list, state, root, request)

    @routes.add("PUT", CONTAINER, "Containers - Create")
    async def create_container(request: Request) -> Response:
        folder(request).mkdir(parents=True, exist_ok=True)
        return Response(status_code=201)

    @routes.add("HEAD", BLOB, "Blobs - Get properties")
    async def head(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        if not path.is_file():
            return Response(status_code=404, headers={"x-ms-error-code": "BlobNotFound"})
        return Response(headers=_headers(state, request, path) | {"content-length": _size(path)})

    @routes.add("GET", BLOB, "Blobs - Get")
    async def get(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        if not path.is_file():
            raise _NoBlob("The specified blob does not exist.")
        wanted = request.headers.get("x-ms-range") or request.headers.get("range")
        headers = _headers(state, request, path)
        if wanted is None:
            return _whole(path, headers)
        return _range(path, wanted, headers)

    @routes.add("PUT", BLOB, "Blobs - Put (whole, block, block list, metadata)")
    async def put(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        part = request.query_params.get("comp")
        blocks = state.data / "blocks" / hashlib.sha256(str(path).encode()).hexdigest()
        if part == "block":
            block = request.query_params.get("blockid", "")
            await _write(uploads, blocks / _block(block), request)
        elif part == "blocklist":
            names = [_block(each) for each in _block_list(await request.body())]
            await run_in_threadpool(_join, uploads, path, blocks, names)
            _keep_metadata(state, request)
        elif part == "metadata":
            if not path.is_file():
                raise _NoBlob("The specified blob does not exist.")
            _keep_metadata(state, request)
            return Response(status_code=200)
        elif part is not None:
            raise NotSupported(f"Blobs - Put with comp={part}: azureml-local does not have it")
        else:
            if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
                raise NotSupported("azureml-local stores block blobs alone")
            await _write(uploads, path, request)
            _keep_metadata(state, request)
        return Response(status_code=201, headers={"etag": _etag(path) if path.exists() else '"0"'})

    @routes.add("DELETE", BLOB, "Blobs - Delete")
    async def delete(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        if not path.is_file():
            raise _NoBlob("The specified blob does not exist.")
        path.unlink(missing_ok=True)
        state.store.delete(*_document(request))
        return Response(status_code=202)


def _block(block_id: str) -> str:
    """A block's file name; its id is chosen by the client."""
    return hashlib.sha256(base64.b64encode(block_id.encode())).hexdigest()


def _document(request: Request) -> tuple[str, str, str]:
    params = request.path_params
    return params["account"], KIND, f"{params['container']}/{params['blob']}"


def _keep_metadata(state: State, request: Request) -> None:
    given = {
        name: value for name, value in request.headers.items() if name.startswith("x-ms-meta-")
    }
    state.store.put(*_document(request), "", given)


def _headers(state: State, request: Request, path: Path) -> dict[str, str]:
    found = state.store.get(*_document(request))
    metadata = {str(k): str(v) for k, v in found.body.items()} if found else {}
    return {
        **metadata,
        "content-type": "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
        "etag": _etag(path),
        "last-modified": formatdate(path.stat().st_mtime, usegmt=True),
        "accept-ranges": "bytes",
    }


def _etag(path: Path) -> str:
    """Changes whenever the blob does."""
    status = path.stat()
    return f'"0x{status.st_mtime_ns:X}{status.st_ino:X}{status.st_size:X}"'


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


def _size(path: Path) -> str:
    return str(path.stat().st_size)


def _range(path: Path, wanted: str, headers: dict[str, str]) -> Response:
    match = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", wanted)
    size = path.stat().st_size
    if match is None or int(match[1]) >= size:
        headers = {"content-range": f"bytes */{size}", "x-ms-error-code": "InvalidRange"}
        return Response(status_code=416, headers=headers)
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size - 1, size - 1)
    if last < first:
        raise BadRequest(f"the range {wanted} ends before it begins", "InvalidHeaderValue")
    headers |= {
        "content-range": f"bytes {first}-{last}/{size}",
        "content-length": str(last - first + 1),
    }
    return StreamingResponse(_chunks(path, first, last - first + 1), 206, headers)


def _whole(path: Path, headers: dict[str, str]) -> Response:
    """As much as there is now: a log may grow while it is read."""
    size = path.stat().st_size
    return StreamingResponse(_chunks(path, 0, size), 200, headers | {"content-length": str(size)})


def _chunks(path: Path, first: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while count > 0 and (chunk := file.read(min(CHUNK, count))):
            count -= len(chunk)
            yield chunk


async def _write(uploads: Path, path: Path, request: Request) -> None:
    """Stream the body to a file elsewhere, then rename: nobody sees a part of it."""
    handle, name = tempfile.mkstemp(dir=uploads)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        _place(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _join(uploads: Path, path: Path, blocks: Path, names: list[str]) -> None:
    handle, name = tempfile.mkstemp(dir=uploads)
    try:
        with os.fdopen(handle, "wb") as file:
            for block in names:
                part = blocks / block
                if not part.is_file():
                    raise BadRequest("The specified block list is invalid.", "InvalidBlockList")
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
        _place(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    shutil.rmtree(blocks, ignore_errors=True)


def _place(finished: Path, path: Path) -> None:
    """Give a finished file its name.

    Raises:
        Conflict: a blob has the name of a folder of others; that is possible on Azure, not here.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        finished.chmod(0o600)
        finished.replace(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Conflict(
            f"{path.name}: azureml-local keeps blobs as files, so no blob's name can be the "
            "folder of another's",
            "BlobNameConflict",
        ) from None


def _list(state: State, root: Path, request: Request) -> Response:
    """The blobs of a container by prefix; folders stand for their content with a delimiter."""
    query = request.query_params
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    top, after = _number(query.get("maxresults")), query.get("marker", "")
    document = ElementTree.Element("EnumerationResults", ContainerName=root.name)
    items = ElementTree.SubElement(document, "Blobs")
    seen: set[str] = set()
    following = ""
    for name in _names(root, prefix):
        first, group, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        shown = prefix + first + group if group else name
        if shown <= after or shown in seen:
            continue
        if len(seen) == top:
            following = max(seen)
            break
        seen.add(shown)
        if group:
            node = ElementTree.SubElement(items, "BlobPrefix")
            ElementTree.SubElement(node, "Name").text = shown
        else:
            _blob_node(state, items, root, name, request)
    ElementTree.SubElement(document, "NextMarker").text = following
    return Response(
        ElementTree.tostring(document, "utf-8", xml_declaration=True), media_type="application/xml"
    )


def _number(text: str | None) -> int:
    """How many at most; Azure's own limit where nothing is said.

    Raises:
        BadRequest: the text is no positive number.
    """
    if text is None:
        return MOST_LISTED
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST_LISTED:
        raise BadRequest(f"maxresults {text!r} is out of range", "OutOfRangeQueryParameterValue")
    return int(text)


def _names(root: Path, prefix: str) -> list[str]:
    """Names that begin so, in order; only the folder that the prefix leads to is looked through."""
    folder = inside(root, prefix.rpartition("/")[0])
    found = (path for path in (folder.rglob("*") if folder.is_dir() else ()) if path.is_file())
    names = (path.relative_to(root).as_posix() for path in found)
    return sorted(name for name in names if name.startswith(prefix))


def _blob_node(
    state: State, items: ElementTree.Element, root: Path, name: str, request: Request
) -> None:
    status = (root / name).stat()
    node = ElementTree.SubElement(items, "Blob")
    ElementTree.SubElement(node, "Name").text = name
    properties = ElementTree.SubElement(node, "Properties")
    ElementTree.SubElement(properties, "Content-Length").text = str(status.st_size)
    ElementTree.SubElement(properties, "BlobType").text = "BlockBlob"
    ElementTree.SubElement(properties, "Last-Modified").text = formatdate(
        status.st_mtime, usegmt=True
    )
    found = state.store.get(request.path_params["account"], KIND, f"{root.name}/{name}")
    metadata = ElementTree.SubElement(node, "Metadata")
    for key, value in (found.body if found else {}).items():
        ElementTree.SubElement(metadata, key.removeprefix("x-ms-meta-")).text = str(value)
