"""Blobs as files: how one is written whole or not at all, read, named and listed.

Content is streamed to a file elsewhere and renamed, so nobody ever sees a part of it. What belongs
to a content (metadata, content type) is kept under the content's own tag and written before the
rename: whenever the server is killed, a blob has the metadata that came with its content.
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
from typing import Any, BinaryIO

from starlette.concurrency import run_in_threadpool

from azureml_local.errors import AzureError, BadRequest, Conflict
from azureml_local.state import State, inside

CHUNK = 1 << 20
KIND = "blobs"
META = "x-ms-meta-"


class NoBlob(AzureError):
    """The storage's own word for what is not there."""

    status = 404
    code = "BlobNotFound"


@dataclass(frozen=True)
class Blob:
    """One blob: the workspace's key, ``container/name``, and the file that holds its content."""

    account: str
    name: str
    path: Path

    def there(self) -> Path:
        """The blob's file.

        Raises:
            NoBlob: there is none.
        """
        if not self.path.is_file():
            raise NoBlob("The specified blob does not exist.")
        return self.path


def tag_of(path: Path) -> str:
    """The content's tag: changes whenever the content does, and stays when a file is renamed."""
    status = path.stat()
    return f'"0x{status.st_mtime_ns:X}{status.st_ino:X}{status.st_size:X}"'


def about(state: State, blob: Blob) -> dict[str, str]:
    """The headers that were kept with the blob's content."""
    found = state.store.get(blob.account, KIND, blob.name)
    kept: list[dict[str, Any]] = found.body.get("contents", []) if found else []
    if not kept:
        return {}
    tag = tag_of(blob.path)
    # In a copy of the data folder no tag is right; there the last content is the only one.
    same = [each for each in kept if each["tag"] == tag] or kept
    return {str(key): str(value) for key, value in same[-1]["headers"].items()}


def headers(state: State, blob: Blob) -> dict[str, str]:
    """What every answer about a blob says of it."""
    return {
        "content-type": "application/octet-stream",
        **about(state, blob),
        "x-ms-blob-type": "BlockBlob",
        "etag": tag_of(blob.path),
        "last-modified": formatdate(blob.path.stat().st_mtime, usegmt=True),
        "accept-ranges": "bytes",
    }


def keep(state: State, blob: Blob, kept: dict[str, str]) -> None:
    """Give the content that is there other headers."""
    body = {"contents": [{"tag": tag_of(blob.path), "headers": kept}]}
    state.store.put(blob.account, KIND, blob.name, "", body)


def publish(state: State, blob: Blob, finished: Path, kept: dict[str, str]) -> None:
    """Make a finished file the blob's content, in one step for whoever reads or is killed.

    Raises:
        Conflict: a blob has the name of a folder of others; that is possible on Azure, not here.
    """
    contents = [{"tag": tag_of(finished), "headers": kept}]
    if blob.path.is_file():
        contents.insert(0, {"tag": tag_of(blob.path), "headers": about(state, blob)})
    try:
        blob.path.parent.mkdir(parents=True, exist_ok=True)
        if blob.path.is_dir():
            raise IsADirectoryError
        finished.chmod(0o600)
        state.store.put(blob.account, KIND, blob.name, "", {"contents": contents})
        finished.replace(blob.path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Conflict(
            f"{blob.path.name}: azureml-local keeps blobs as files, so no blob's name can be the "
            "folder of another's",
            "BlobNameConflict",
        ) from None


async def received(uploads: Path, content: AsyncIterator[bytes], digest: str | None) -> Path:
    """A request's content in a file of its own, on disk.

    Args:
        uploads: the folder of what is under way.
        content: the content, piece by piece.
        digest: the MD5 that the client gives with it, in base 64.

    Raises:
        BadRequest: the content has another digest.
    """
    handle, name = tempfile.mkstemp(dir=uploads)
    found = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in content:
                file.write(chunk)
                if digest is not None:
                    found.update(chunk)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        if digest is not None and base64.b64encode(found.digest()).decode() != digest:
            raise BadRequest("The MD5 value specified in the request did not match.", "Md5Mismatch")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def joined(uploads: Path, parts: list[Path]) -> Path:
    """Files one after the other in a file of its own, on disk.

    Raises:
        BadRequest: one of them is not there.
    """
    handle, name = tempfile.mkstemp(dir=uploads)
    try:
        with os.fdopen(handle, "wb") as file:
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


def span(wanted: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte of a range; None where the content has no such bytes.

    Raises:
        BadRequest: the range ends before it begins.
    """
    match = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", wanted)
    if match is None or int(match[1]) >= size:
        return None
    first = int(match[1])
    last = min(int(match[2]) if match[2] else size - 1, size - 1)
    if last < first:
        raise BadRequest(f"the range {wanted} ends before it begins", "InvalidHeaderValue")
    return first, last


def chunks(file: BinaryIO, first: int, count: int) -> Iterator[bytes]:
    """A part of an open file, piece by piece; closes it. A blob that is overwritten is read on."""
    with file:
        file.seek(first)
        while count > 0 and (chunk := file.read(min(CHUNK, count))):
            count -= len(chunk)
            yield chunk


def names(root: Path, prefix: str) -> list[str]:
    """Names that begin so, in order; only the folder that the prefix leads to is looked through."""
    folder = inside(root, prefix.rpartition("/")[0])
    found = (path for path in (folder.rglob("*") if folder.is_dir() else ()) if path.is_file())
    every = (path.relative_to(root).as_posix() for path in found)
    return sorted(name for name in every if name.startswith(prefix))
