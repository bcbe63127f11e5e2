"""Azure Data Lake Storage Gen2: the operations with which the SDK uploads and lists files.

The files are blobs of the same account. Clients read files and properties, and change metadata,
through the blob service; only here a folder is a resource of its own.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import AzureError, BadRequest, Conflict, NotFound, NotSupported
from azureml_local.files import inside
from azureml_local.routing import Routes
from azureml_local.state import State
from azureml_local.storage import blob_files
from azureml_local.storage.blob_files import Blob

FILE_SYSTEM = "/{account}.dfs.core.windows.net/{container}"
PATH = FILE_SYSTEM + "/{path:path}"
IS_FOLDER = {f"{blob_files.META}hdi_isfolder": "true"}
INVALID_POSITION = "InvalidFlushPosition"
REFUSED_HEADERS = ("x-ms-rename-source", "x-ms-properties")


class ConditionNotMet(AzureError):
    """A condition of the request is not met."""

    status = 412
    code = "ConditionNotMet"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    uploads = state.data / "uploads"

    @routes.add("PUT", PATH, "Data Lake - Create a path", partly="files and folders; no rename")
    async def create(request: Request) -> Response:
        blob, kind = _file(state, request), request.query_params.get("resource")
        if kind not in ("file", "directory") or any(h in request.headers for h in REFUSED_HEADERS):
            raise NotSupported("Data Lake - Rename and properties: not supported by azureml-local")
        exists = blob.path.exists()
        if exists and request.headers.get("if-none-match") == "*":
            raise Conflict("The specified path already exists.", "PathAlreadyExists")
        if exists and blob.path.is_dir() != (kind == "directory"):
            raise Conflict("The path exists with another type.", "ResourceTypeMismatch")
        if kind == "directory":
            blob.path.mkdir(parents=True, exist_ok=True)
            _record_folder(state, blob)
        else:
            empty = await run_in_threadpool(blob_files.concatenate, uploads, [])
            blob_files.publish(state, blob, empty, {})
            await run_in_threadpool(shutil.rmtree, _chunks(state, blob), ignore_errors=True)
        _record_folders(state, blob)
        return Response(status_code=201, headers=_headers(blob.path))

    @routes.add("PATCH", PATH, "Data Lake - Append and flush")
    async def update(request: Request) -> Response:
        blob, action = _file(state, request), request.query_params.get("action")
        blob.existing_path()
        position = request.query_params.get("position", "")
        if not position.isascii() or not position.isdigit():
            raise BadRequest("position: must be a number", "InvalidQueryParameterValue")
        if action == "append":
            digest = request.headers.get("content-md5")
            part = await blob_files.receive(uploads, request.stream(), digest)
            folder = _chunks(state, blob)
            folder.mkdir(parents=True, exist_ok=True)
            part.replace(folder / f"{int(position):020}")
            return Response(status_code=202)
        if action != "flush":
            raise NotSupported(f"Data Lake - {action}: not supported by azureml-local")
        tag = request.headers.get("if-match")
        if tag not in (None, "*", blob_files.etag(blob.path)):
            raise ConditionNotMet("The condition specified in the request is not met.")
        await run_in_threadpool(_flush, state, blob, uploads, int(position))
        return Response(status_code=200, headers=_headers(blob.path))

    @routes.add("GET", FILE_SYSTEM, "Data Lake - List paths")
    async def list_paths(request: Request) -> Response:
        root = _file_system(state, request)
        target = inside(root, request.query_params.get("directory", ""))
        if not target.exists():
            raise NotFound("The specified path does not exist.", "PathNotFound")
        recursive = request.query_params.get("recursive", "").lower() == "true"
        paths: Iterable[Path] = target.rglob("*") if recursive else target.glob("*")
        paths = [target] if target.is_file() else sorted(paths)
        return JSONResponse({"paths": [_entry(root, path) for path in paths]})


def is_folder(state: State, blob: Blob) -> bool:
    """Whether an address of the blob service is a folder that this service has created."""
    return (
        blob.path.is_dir() and state.store.get(blob.account, blob_files.KIND, blob.name) is not None
    )


def folder_headers(state: State, blob: Blob) -> dict[str, str]:
    """The headers of a folder in the blob service, with its metadata."""
    return {**blob_files.headers(state, blob), **IS_FOLDER, "content-length": "0"}


def _file_system(state: State, request: Request) -> Path:
    params = request.path_params
    workspace = state.workspace_by_key(params["account"])
    folder = inside(workspace.blobs, params["container"])
    if not folder.is_dir():
        raise NotFound("The specified filesystem does not exist.", "FilesystemNotFound")
    return folder


def _record_folders(state: State, path: Blob) -> None:
    """Store the folders of a path, which the blob service then knows as folders."""
    names = path.name.split("/")
    parents = list(path.path.parents)[: len(names) - 2]
    for depth, folder in enumerate(parents, start=1):
        _record_folder(state, Blob(path.account, "/".join(names[:-depth]), folder))


def _record_folder(state: State, folder: Blob) -> None:
    if state.store.get(folder.account, blob_files.KIND, folder.name) is None:
        blob_files.store_headers(state, folder, {})


def _file(state: State, request: Request) -> Blob:
    params = request.path_params
    path = inside(_file_system(state, request), params["path"])
    return Blob(params["account"], f"{params['container']}/{params['path'].strip('/')}", path)


def _chunks(state: State, blob: Blob) -> Path:
    """The folder of the appended content that is not flushed."""
    return state.data / "blocks" / f"lake-{hashlib.sha256(str(blob.path).encode()).hexdigest()}"


def _flush(state: State, blob: Blob, uploads: Path, length: int) -> None:
    """Make the appended content part of the file, which then has ``length`` bytes.

    Raises:
        BadRequest: the appended content has gaps or another length.
    """
    folder = _chunks(state, blob)
    parts = sorted(folder.iterdir()) if folder.is_dir() else []
    size = blob.path.stat().st_size
    for part in parts:
        if int(part.name) != size:
            raise BadRequest(
                f"appended content begins at {int(part.name)}, not {size}", INVALID_POSITION
            )
        size += part.stat().st_size
    if size != length:
        raise BadRequest(f"position: the file has {size} bytes, not {length}", INVALID_POSITION)
    headers = blob_files.stored_headers(state, blob)
    finished = blob_files.concatenate(uploads, [blob.path, *parts])
    try:
        blob_files.publish(state, blob, finished, headers)
    finally:
        finished.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _headers(path: Path) -> dict[str, str]:
    modified = formatdate(path.stat().st_mtime, usegmt=True)
    return {"etag": blob_files.etag(path), "last-modified": modified}


def _entry(root: Path, path: Path) -> dict[str, str]:
    headers = _headers(path)
    return {
        "name": path.relative_to(root).as_posix(),
        **({"isDirectory": "true"} if path.is_dir() else {}),
        "contentLength": str(0 if path.is_dir() else path.stat().st_size),
        "etag": headers["etag"],
        "lastModified": headers["last-modified"],
    }
