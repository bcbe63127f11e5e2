"""Digests of the code of a release: the files that determine training, tests and deployment.

The dev pipeline publishes them as an artifact. The prod pipeline trains and deploys with that
artifact, and compares it with its own checkout.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from nbrelease import files

# Tests, docs and pipelines do not change a model; data has its own digest.
PATHS = (
    "notebooks",
    "exported",
    "runbooks",
    "conda",
    "src",
    "packages",
    "settings.ini",
    "requirements.txt",
)
# Written by tools.
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "mlruns", "mlartifacts"}
SUFFIXES_LEFT_OUT = {".pyc", ".db"}


def digests(root: Path) -> dict[str, str]:
    """The sha256 of each file of the code at ``root``, by its path."""
    digests_by_path = {}
    for name in PATHS:
        top = root / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            inner = path.relative_to(root)
            leftover = LEFT_OUT & set(inner.parts) or path.suffix in SUFFIXES_LEFT_OUT
            if path.is_file() and not leftover:
                digests_by_path[inner.as_posix()] = files.sha256(path)
    return digests_by_path


def digest(root: Path) -> str:
    """One sha256 of the whole code at ``root``."""
    lines = [f"{name}\0{sha256}\n" for name, sha256 in sorted(digests(root).items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def differences(ours: Path, theirs: Path) -> list[str]:
    """The files that differ between two folders or exist in only one of them, sorted."""
    mine, other = digests(ours), digests(theirs)
    return sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))
