"""The manifest: the sha256 of every file of a pack, and what wrote its pages.

What comes after the pack lies beside it and is not listed: signatures name the manifest's digest,
later facts the digest of what they follow. Both are verified on their own.
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
    "report/templates/*.*",
    "export/*.py",
    "notebook/*.py",
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The file. ``renderer``: the digest of what writes records, pages and main.py.

    All are pure functions of the notebooks, but only for the same renderer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["sha256"] = "sha256"
    version: str = ""
    renderer: str = ""
    files: dict[str, Sha256]


def listed(folder: Path) -> list[str]:
    """The files that a pack's manifest has to list, by their path from its folder."""
    return sorted(
        name
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink())
        and (name := path.relative_to(folder).as_posix()) != NAME
        and name.partition("/")[0] not in (SIGNATURES, LATER)
    )


def write(folder: Path) -> None:
    """Write a pack's manifest, the last of its files."""
    made = Manifest(
        version=metadata.version("nbrelease"),
        renderer=renderer(),
        files={name: files.sha256(folder / name) for name in listed(folder)},
    )
    files.write_text(folder / NAME, json.dumps(made.model_dump(), indent=2) + "\n")


def digest(folder: Path) -> str:
    """The sha256 of the manifest itself: it stands for the whole pack."""
    return files.sha256(folder / NAME)


def renderer() -> str:
    """The digest of the modules and templates that write records, pages and main.py."""
    found = hashlib.sha256()
    for pattern in WRITERS:
        for path in sorted(PACKAGE.glob(pattern)):
            found.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
