"""Digests of the code of a release: the files that determine training, tests and deployment.

The dev pipeline publishes them as an artifact. The prod pipeline trains and deploys with that
artifact, and compares it with its own checkout.
"""

from __future__ import annotations

import configparser
import hashlib
import os
from pathlib import Path

from nbrelease import files, git
from nbrelease.project_root import SETTINGS_FILE

# Tests, docs and pipelines do not change a model; data has its own digest. Names at the top only:
# a package of the project may have a module with such a name.
TOP_LEFT_OUT = {"tests", "docs", "data", "evidence", "build", "dist", "mkdocs.yml", "LICENSE"}
TOP_SUFFIX_LEFT_OUT = ".md"
SETTINGS_LEFT_OUT = {
    "evidence": "evidence",
    "exported_tests": "tests/exported",
    "local_data": ".azureml-local",
    "training_data": "",
}
"""Keys of settings.ini with a path that is not code, and their defaults."""
# Written by tools.
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", "mlruns", "mlartifacts"}
CACHES_LEFT_OUT = {".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", "node_modules"}
SUFFIXES_LEFT_OUT = (".pyc", ".db", ".egg-info")


def digests(root: Path, project: Path | None = None) -> dict[str, str]:
    """The sha256 of each file of the code at ``root``, by its path.

    Args:
        root: a checkout or an artifact.
        project: the checkout whose settings.ini and ``.gitignore`` say what is not code; by default
            ``root``.
    """
    project = project or root
    other = _list_settings_paths(project)
    names = []
    for folder, folders, file_names in os.walk(root):
        inner = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if _is_code(inner / name, other)]
        names += [(inner / name).as_posix() for name in file_names if _is_code(inner / name, other)]
    ignored = git.list_ignored(project, names)
    return {
        name: files.sha256(root / name)
        for name in sorted(set(names) - ignored)
        if (root / name).is_file()  # not a link to a missing file
    }


def _list_settings_paths(project: Path) -> set[Path]:
    """The paths that settings.ini names in any section and that are not code."""
    parser = configparser.ConfigParser()
    try:
        parser.read(project / SETTINGS_FILE, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):  # reported where the settings are read
        return set()
    paths = set()
    for section in (parser[parser.default_section], *map(parser.__getitem__, parser.sections())):
        for key, default in SETTINGS_LEFT_OUT.items():
            try:
                paths.add(Path(section.get(key, default)))
            except configparser.Error:
                continue
    return paths - {Path()}


def _is_code(path: Path, other: set[Path]) -> bool:
    """Whether a file or folder belongs to the code; ``path`` is relative to the project."""
    name = path.name
    if name in LEFT_OUT | CACHES_LEFT_OUT or name.endswith(SUFFIXES_LEFT_OUT) or path in other:
        return False
    is_top = len(path.parts) == 1
    return not is_top or not (
        name in TOP_LEFT_OUT or name.startswith(".") or name.endswith(TOP_SUFFIX_LEFT_OUT)
    )


def digest(root: Path) -> str:
    """One sha256 of the whole code at ``root``."""
    lines = [f"{name}\0{sha256}\n" for name, sha256 in sorted(digests(root).items())]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def differences(ours: Path, theirs: Path) -> list[str]:
    """The files that differ between two folders or exist in only one of them, sorted.

    The settings and the ``.gitignore`` of ``ours`` say for both what is not code.
    """
    mine, other = digests(ours), digests(theirs, ours)
    return sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))
