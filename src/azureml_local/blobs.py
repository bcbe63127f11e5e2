"""The storage: the part of the blob protocol that the SDK and ``azure-storage-blob`` use.

A blob is a file under its own name, so that jobs read what was uploaded where it lies. Its metadata
is a document in the store. Content is streamed to a file beside and renamed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from xml.etree import ElementTree

import defusedxml.ElementTree
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from azureml_local import auth
from azureml_local.errors import AzureError, BadRequest
from azureml_local.routing import Routes
from azureml_local.state import State, inside

CONTAINER = "/{account}.blob.core.windows.net/{container}"
BLOB = CONTAINER + "/{blob:path}"
CHUNK = 1 << 20
KIND = "blobs"


class _NoBlob(AzureError):
    """The storage's own word for what is not there."""

    status = 404
    code = "BlobNotFound"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    def folder(request: Request) -> Path:
        params = request.path_params
        auth.require_signature(state.secret, params["account"], request)
        workspace = state.by_key(params["account"])
        # Code is uploaded to a container of its own each time.
        if not re.fullmatch(r"[A-Za-z0-9-]{3,63}", params["container"]):
            raise BadRequest("the container's name is not valid", "InvalidResourceName")
        return state.data / "blobs" / workspace.key / str(params["container"])

    @routes.add("GET", CONTAINER, "Blobs - List")
    async def list_blobs(request: Request) -> Response:
        root = folder(request)
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
        return Response(headers=_headers(state, request) | {"content-length": _size(path)})

    @routes.add("GET", BLOB, "Blobs - Get")
    async def get(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        if not path.is_file():
            raise _NoBlob("The specified blob does not exist.")
        wanted = request.headers.get("x-ms-range") or request.headers.get("range")
        headers = _headers(state, request)
        if wanted is None:
            return FileResponse(path, headers=headers, media_type="application/octet-stream")
        return _range(path, wanted, headers)

    @routes.add("PUT", BLOB, "Blobs - Put (whole, block, block list, metadata)")
    async def put(request: Request) -> Response:
        root = folder(request)
        path = inside(root, request.path_params["blob"])
        part = request.query_params.get("comp")
        blocks = state.data / "blocks" / hashlib.sha256(str(path).encode()).hexdigest()
        if part == "block":
            await _write(inside(blocks, _block(request.query_params["blockid"])), request)
        elif part == "blocklist":
            names = [
                _block(node.text or "")
                for node in defusedxml.ElementTree.fromstring(await request.body())
            ]
            await run_in_threadpool(_join, path, blocks, names)
            _keep_metadata(state, request)
        elif part == "metadata":
            if not path.is_file():
                raise _NoBlob("The specified blob does not exist.")
            _keep_metadata(state, request)
            return Response(status_code=200)
        else:
            await _write(path, request)
            _keep_metadata(state, request)
        return Response(status_code=201, headers={"etag": '"0"'})

    @routes.add("DELETE", BLOB, "Blobs - Delete")
    async def delete(request: Request) -> Response:
        path = inside(folder(request), request.path_params["blob"])
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
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


def _headers(state: State, request: Request) -> dict[str, str]:
    path = request.url.path
    found = state.store.get(*_document(request))
    metadata = {str(k): str(v) for k, v in found.body.items()} if found else {}
    etag = hashlib.sha256(path.encode()).hexdigest()[:16]
    return {
        **metadata,
        "x-ms-blob-type": "BlockBlob",
        "etag": f'"{etag}"',
        "accept-ranges": "bytes",
    }


def _size(path: Path) -> str:
    return str(path.stat().st_size)


def _range(path: Path, wanted: str, headers: dict[str, str]) -> Response:
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    size = path.stat().st_size
    if match is None or int(match[1]) >= size:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size - 1, size - 1)

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(first)
            left = last - first + 1
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk

    headers |= {
        "content-range": f"bytes {first}-{last}/{size}",
        "content-length": str(last - first + 1),
    }
    return StreamingResponse(chunks(), status_code=206, headers=headers)


async def _write(path: Path, request: Request) -> None:
    """Stream the body to a file beside, then rename: nobody sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".upload-")
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _join(path: Path, blocks: Path, names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".upload-")
    with os.fdopen(handle, "wb") as file:
        for block in names:
            part = blocks / block
            if not part.is_file():
                Path(name).unlink()
                raise BadRequest("The specified block list is invalid.", "InvalidBlockList")
            with part.open("rb") as source:
                while chunk := source.read(CHUNK):
                    file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
    for part in blocks.iterdir():
        part.unlink()


def _list(state: State, root: Path, request: Request) -> Response:
    """The blobs of a container by prefix; folders stand for their content with a delimiter."""
    prefix = request.query_params.get("prefix", "")
    delimiter = request.query_params.get("delimiter")
    names = sorted(
        path.relative_to(root).as_posix()
        for path in (root.rglob("*") if root.is_dir() else ())
        if path.is_file() and not path.name.startswith(".upload-")
    )
    document = ElementTree.Element("EnumerationResults", ContainerName=root.name)
    items = ElementTree.SubElement(document, "Blobs")
    seen = set()
    for name in names:
        if not name.startswith(prefix):
            continue
        if delimiter and delimiter in name[len(prefix) :]:
            group = prefix + name[len(prefix) :].partition(delimiter)[0] + delimiter
            if group not in seen:
                seen.add(group)
                node = ElementTree.SubElement(items, "BlobPrefix")
                ElementTree.SubElement(node, "Name").text = group
            continue
        _blob_node(state, items, root, name, request)
    ElementTree.SubElement(document, "NextMarker")
    return Response(
        ElementTree.tostring(document, "utf-8", xml_declaration=True), media_type="application/xml"
    )


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
