"""The manifest: the sha256 of every file of a pack, and the digest of its renderer.

Signatures and later entries are not listed, because they come after the manifest and contain its
digest. They have checks of their own.
"""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nbrelease import files

NAME = "manifest.json"
SIGNATURES = "signatures"
LATER = "later"
PACKAGE = Path(__file__).parents[1]
WRITERS = (
    "records/*.py",
    "report/*.py",
    "report/overview/*.py",
    "report/locale/*.po",
    "report/templates/*.*",
    "report/templates/sections/*.*",
    "export/*.py",
    "notebook/*.py",
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The content of the manifest. ``renderer`` is the digest of :data:`WRITERS`.

    Record, pages and main.py are pure functions of the notebooks and of the renderer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["sha256"] = "sha256"
    version: str = ""
    renderer: str = ""
    files: dict[str, Sha256]


def list_files(folder: Path) -> list[str]:
    """The files that the manifest has to list, by their path in the pack."""
    return sorted(
        name
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink())
        and (name := path.relative_to(folder).as_posix()) != NAME
        and name.partition("/")[0] not in (SIGNATURES, LATER)
    )


def write(folder: Path) -> None:
    """Write the manifest, as the last file of the pack."""
    manifest = Manifest(
        version=metadata.version("nbrelease"),
        renderer=renderer(),
        files={name: files.sha256(folder / name) for name in list_files(folder)},
    )
    files.write_text(folder / NAME, json.dumps(manifest.model_dump(), indent=2) + "\n")


def digest(folder: Path) -> str:
    """The sha256 of the manifest, which identifies the whole pack."""
    return files.sha256(folder / NAME)


def renderer() -> str:
    """The digest of the modules and templates that write record, pages and main.py."""
    digest = hashlib.sha256()
    for pattern in WRITERS:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
