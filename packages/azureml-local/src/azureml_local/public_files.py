"""Files at public addresses, which the inputs of jobs name: mapped to local files, or downloaded.

Nothing is downloaded unless the server was started with ``--allow-download``. A download is stored
under the digest of its address, so each file is fetched once.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

import httpx

from azureml_local.errors import BadRequest, LocalError, NotSupported

SCHEMES = ("http://", "https://", "wasbs://", "wasb://")
WASB = re.compile(r"wasbs?://([^@/]+)@([^/]+)/?(.*)")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class PublicFiles:
    """The public addresses that jobs can use.

    Attributes:
        cache: the folder of downloads.
        allow_download: whether other addresses than the mapped ones are downloaded.
        mapped: a local file or folder for each address.
    """

    cache: Path
    allow_download: bool = False
    mapped: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def parse(cls, data: Path, allow_download: bool, mappings: tuple[str, ...]) -> Self:
        """Read the options ``--allow-download`` and ``--map URL=FILE``.

        Raises:
            LocalError: a mapping is not valid, or its file does not exist.
        """
        mapped = []
        for mapping in mappings:
            address, _, file = mapping.rpartition("=")
            path = Path(file).expanduser().resolve()
            if not address.startswith(SCHEMES) or not file:
                raise LocalError(
                    f"--map {mapping}: must be URL=FILE, and the URL must begin with one of "
                    f"{', '.join(SCHEMES)}"
                )
            if not path.exists():
                raise LocalError(f"--map {mapping}: {path} does not exist")
            mapped.append((https_address(address).rstrip("/"), path))
        return cls(data / "downloads", allow_download, tuple(mapped))

    def locate(self, address: str, field: str) -> Path:
        """The local file or folder for an address.

        Args:
            address: the public address.
            field: the name of the input, for the message of an error.

        Raises:
            NotSupported: it is not mapped, and downloads are not allowed.
            BadRequest: it cannot be downloaded.
        """
        address = https_address(address)
        plain = _without_secrets(address)
        for prefix, path in self.mapped:
            if prefix in (address, plain.rstrip("/")):
                return path
            if plain.startswith(f"{prefix}/") and path.is_dir():
                target = path.joinpath(*_parts(plain.removeprefix(prefix)))
                if not target.exists():
                    raise BadRequest(f"{field}: {target} does not exist ({plain})", "UserError")
                return target
        if not self.allow_download:
            raise NotSupported(
                f"{field}: {plain} is outside of this machine; start azureml-local with "
                f"--map {plain}=FILE, or with --allow-download"
            )
        return self._download(address, field)

    def _download(self, address: str, field: str) -> Path:
        folder = self.cache / hashlib.sha256(address.encode()).hexdigest()
        plain = _without_secrets(address)
        target = folder / re.sub(r"[^\w.\-]", "_", _parts(plain)[-1])
        if target.is_file():
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            part = Path(file.name)
        try:
            _write(address, part)
            part.replace(target)
        except httpx.HTTPStatusError as error:
            message = f"HTTP status {error.response.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            message = str(error) or type(error).__name__
        else:
            return target
        finally:
            part.unlink(missing_ok=True)
        raise BadRequest(f"{field}: {plain} cannot be downloaded: {message}", "UserError")


def _write(address: str, file: Path) -> None:
    """Download an address as it is; httpx refuses a response that is shorter than announced."""
    headers = {"Accept-Encoding": "identity"}
    with (
        httpx.stream(
            "GET", address, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True
        ) as response,
        file.open("wb") as content,
    ):
        response.raise_for_status()
        for chunk in response.iter_raw():
            content.write(chunk)


def https_address(address: str) -> str:
    """An address of Azure's blob storage (``wasbs://``) as an https address; others unchanged."""
    match = WASB.fullmatch(address)
    return f"https://{match[2]}/{match[1]}/{match[3]}" if match else address


def _without_secrets(address: str) -> str:
    """An address without its query, which can be a signature, and without a password."""
    return re.sub(r"//[^/@]*@", "//", address.partition("?")[0])


def _parts(address: str) -> list[str]:
    """The segments of a path as names of files; none leads to a parent folder."""
    return [part for part in unquote(address).split("/") if part.strip(".")]
