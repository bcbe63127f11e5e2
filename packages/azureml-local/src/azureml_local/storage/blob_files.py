"""Blobs as files: atomic writes, reads, etags and listing.

Content is written to a temporary file and renamed, so readers never see a part of it. Its headers
(metadata, content type) are stored by the content's etag before the rename. So a blob has the
headers that belong to its content, even if the server is killed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, TypedDict

from starlette.concurrency import run_in_threadpool

from azureml_local.errors import AzureError, BadRequest, Conflict
from azureml_local.files import inside
from azureml_local.state import State
from azureml_local.store import Kind

CHUNK = 1 << 20
MLMODEL = "MLmodel"
"""The file that each MLflow model has."""


class BlobContent(TypedDict):
    """The stored headers of a blob's content, which its etag identifies."""

    tag: str
    headers: dict[str, str]


class BlobDocument(TypedDict):
    """A blob in the store; after an interruption it can have the headers of two contents."""

    contents: list[BlobContent]


KIND = Kind[BlobDocument]("blobs")
META = "x-ms-meta-"


class NoBlob(AzureError):
    """The error of the blob service for a missing blob."""

    status = 404
    code = "BlobNotFound"


@dataclass(frozen=True)
class Blob:
    """A blob: the workspace's key, ``container/name``, and the file with its content."""

    account: str
    name: str
    path: Path

    def existing_path(self) -> Path:
        """The blob's file.

        Raises:
            NoBlob: it does not exist.
        """
        if not self.path.is_file():
            raise NoBlob("The specified blob does not exist.")
        return self.path


def etag(path: Path) -> str:
    """The etag of a file's content; renaming the file does not change it."""
    status = path.stat()
    return f'"0x{status.st_mtime_ns:X}{status.st_ino:X}{status.st_size:X}"'


def stored_headers(state: State, blob: Blob) -> dict[str, str]:
    """The headers that are stored for the blob's content."""
    resource = state.store.get(blob.account, KIND, blob.name)
    contents = resource.body.get("contents", []) if resource else []
    if not contents:
        return {}
    tag = etag(blob.path)
    # In a copy of the data folder no etag matches; there the last content is the only one.
    matching = [each for each in contents if each["tag"] == tag] or contents
    return matching[-1]["headers"]


def headers(state: State, blob: Blob) -> dict[str, str]:
    """The headers of each response about a blob."""
    return {
        "content-type": "application/octet-stream",
        **stored_headers(state, blob),
        "x-ms-blob-type": "BlockBlob",
        "etag": etag(blob.path),
        "last-modified": formatdate(blob.path.stat().st_mtime, usegmt=True),
        "accept-ranges": "bytes",
    }


def store_headers(state: State, blob: Blob, headers: dict[str, str]) -> None:
    """Replace the headers of a blob's current content."""
    body: BlobDocument = {"contents": [{"tag": etag(blob.path), "headers": headers}]}
    state.store.put(blob.account, KIND, blob.name, "", body)


def publish(state: State, blob: Blob, finished: Path, headers: dict[str, str]) -> None:
    """Make a complete file the blob's content, atomically.

    Raises:
        Conflict: the name is also a folder of other blobs. Azure allows this.
    """
    body: BlobDocument = {"contents": [{"tag": etag(finished), "headers": headers}]}
    if blob.path.is_file():
        body["contents"].insert(0, {"tag": etag(blob.path), "headers": stored_headers(state, blob)})
    try:
        blob.path.parent.mkdir(parents=True, exist_ok=True)
        if blob.path.is_dir():
            raise IsADirectoryError
        finished.chmod(0o600)
        state.store.put(blob.account, KIND, blob.name, "", body)
        finished.replace(blob.path)
        if blob.path.name == MLMODEL:
            state.on_model_stored()
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Conflict(
            f"{blob.path.name}: azureml-local stores blobs as files, so a blob cannot have the "
            "name of a folder of other blobs",
            "BlobNameConflict",
        ) from None


async def receive(uploads: Path, content: AsyncIterator[bytes], digest: str | None) -> Path:
    """Write a request's content to a temporary file and flush it to disk.

    Args:
        uploads: the folder for temporary files.
        content: the content in chunks.
        digest: the MD5 that the client sends, in base 64.

    Raises:
        BadRequest: the content has another digest.
    """
    descriptor, name = tempfile.mkstemp(dir=uploads)
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(descriptor, "wb") as file:
            async for chunk in content:
                file.write(chunk)
                if digest is not None:
                    md5.update(chunk)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        if digest is not None and base64.b64encode(md5.digest()).decode() != digest:
            raise BadRequest("The MD5 value specified in the request did not match.", "Md5Mismatch")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def concatenate(uploads: Path, parts: list[Path]) -> Path:
    """Concatenate files to a temporary file and flush it to disk.

    Raises:
        BadRequest: one of them does not exist.
    """
    descriptor, name = tempfile.mkstemp(dir=uploads)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                if not part.is_file():
                    raise BadRequest("The specified block list is invalid.", "InvalidBlockList")
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range header; None if the content has no such bytes.

    Raises:
        BadRequest: the last byte is before the first.
    """
    match = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", header)
    if match is None or int(match[1]) >= size:
        return None
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size - 1, size - 1)
    if last < first:
        raise BadRequest(f"Range: {header} ends before it starts", "InvalidHeaderValue")
    return first, last


def chunks(file: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    """Chunks of an open file, which is closed; overwriting the blob does not affect the read."""
    with file:
        file.seek(first)
        while count > 0 and (chunk := file.read(min(CHUNK, count))):
            count -= len(chunk)
            yield chunk


def list_names(root: Path, prefix: str) -> list[str]:
    """The sorted names with a prefix; only the folder of the prefix is searched."""
    folder = inside(root, prefix.rpartition("/")[0])
    paths = (path for path in (folder.rglob("*") if folder.is_dir() else ()) if path.is_file())
    every_name = (path.relative_to(root).as_posix() for path in paths)
    return sorted(name for name in every_name if name.startswith(prefix))
