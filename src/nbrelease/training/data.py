"""Training data in its forms: a file or a folder, in the project, at an address or in Azure ML."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from nbrelease.errors import SettingsError
from nbrelease.quality.tables import find_files

DataType = Literal["uri_file", "uri_folder"]
DOWNLOAD_TIMEOUT: float = 60
"""Seconds without any data until a download fails."""
BLOCK_BYTES = 2**20


class Reference(NamedTuple):
    """``azureml:name:version`` or ``azureml:name@label``; a data asset of the workspace."""

    name: str
    version: str | None
    label: str | None


def parse_reference(training_data: str) -> Reference | None:
    """The data asset that ``training_data`` names; None for every other form."""
    if not training_data.startswith("azureml:") or training_data.startswith("azureml://"):
        return None
    name, _, version = training_data.removeprefix("azureml:").partition(":")
    name, _, label = name.partition("@")
    return Reference(name, version or None, label or (None if version else "latest"))


def guess_type(training_data: str) -> DataType:
    """The type of the data at a datastore address: the name of a file has a suffix."""
    return "uri_file" if Path(urlsplit(training_data).path).suffix else "uri_folder"


def find_local(training_data: str, project: Path) -> Path:
    """The file or folder of the project, or a copy of the file at an ``https`` address.

    Args:
        training_data: a path relative to the project, or an address.
        project: root of the project.

    Raises:
        SettingsError: there is no such file or address.
        DataError: it is neither CSV nor Parquet.
    """
    if training_data.startswith("https://"):
        folder = Path(tempfile.mkdtemp())
        path = folder / (Path(unquote(urlsplit(training_data).path)).name or "data.csv")
        try:
            _download(training_data, path)
        except (OSError, HTTPException) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise SettingsError(f"training_data: {training_data}: {error}") from None
        return path
    path = project / training_data
    if not path.exists():
        raise SettingsError(
            f"training_data: {training_data}: no such file or folder; see settings.ini"
        )
    find_files(path)
    return path


def _download(address: str, path: Path) -> None:
    with (
        urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT) as response,  # noqa: S310 -- https
        path.open("wb") as file,
    ):
        shutil.copyfileobj(response, file)
        length, expected = file.tell(), response.headers["Content-Length"]
    if expected is not None and length != int(expected):
        raise OSError(f"the connection ended after {length} of {expected} bytes")


def find_copy(folder: Path, data_type: str) -> Path:
    """The file or folder that the copy job wrote to its output ``copy``."""
    root = next(iter(sorted(folder.rglob("copy"))), folder)
    if data_type == "uri_folder":
        return root
    return next(file for file in sorted(root.rglob("*")) if file.is_file())


def digest(path: Path) -> str:
    """SHA-256 of a file's content; of a folder that of its files' names and contents."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for each in sorted(file for file in path.rglob("*") if file.is_file()):
        with each.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{each.relative_to(path).as_posix()}\0{content}\0".encode())
    return total.hexdigest()


def digest_model(folder: Path) -> str:
    """SHA-256 of the names, lengths and contents of a model's files.

    It is ``model_sha256`` in the record of a release; not :func:`digest`, which is that of data.
    """
    total = hashlib.sha256()
    for each in sorted(file for file in folder.rglob("*") if file.is_file()):
        name, size = each.relative_to(folder).as_posix(), each.stat().st_size
        total.update(f"{name}\0{size}\0".encode())
        with each.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                total.update(block)
    return total.hexdigest()
