"""The artifacts of a run: a folder each, published once, given to every job that asks.

As with Azure's pipeline artifacts, only the content of files is kept: neither empty folders nor
who may run a file. A script that an artifact carries has to be called as ``bash script``.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from pathlib import Path

from pipelines_local import files, globs

FORBIDDEN = set('\\/"<>|:*?')


class ArtifactError(Exception):
    """An artifact cannot be published or given."""


class Artifacts:
    """The artifacts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The published ones, sorted; those still being written have a leading dot."""
        if not self.folder.is_dir():
            return []
        return sorted(
            p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")
        )

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all others: what a stage that was killed had published, and now does again."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in names:
                shutil.rmtree(path)

    def publish(self, name: str, source: Path) -> int:
        """Keep a file or a folder as the artifact ``name``.

        Returns:
            How many files it has.

        Raises:
            ArtifactError: there is one of that name, or nothing to publish.
        """
        if not name or FORBIDDEN & set(name) or name.startswith("."):
            raise ArtifactError(f"{name!r} is no name for an artifact")
        if not source.exists():
            raise ArtifactError(f"path does not exist: {source}")
        if (source / ".artifactignore").exists():
            raise ArtifactError("a file .artifactignore is not supported")
        names = files.files_below(source) if source.is_dir() else [source.name]
        base = source if source.is_dir() else source.parent
        target, beside = self.folder / name, self.folder / f".{name}"
        with self._lock:
            if target.exists() or beside.exists():
                raise ArtifactError(f"the artifact {name!r} already exists in this run")
            beside.mkdir(parents=True)
        files.copy_tree(base, beside, names, keep_mode=False)
        beside.rename(target)
        return len(names)

    def give(self, name: str, target: Path, patterns: str, *, with_name: bool) -> int:
        """Copy an artifact's files to ``target``.

        Args:
            name: the artifact.
            target: the folder that gets them.
            patterns: which files, one pattern a line; paths begin with the artifact's name when
                ``with_name``.
            with_name: whether they go into a folder of the artifact's name.

        Returns:
            How many files were copied.

        Raises:
            ArtifactError: there is no such artifact.
        """
        source = self.folder / name
        if name not in self.names():
            known = ", ".join(self.names()) or "none"
            raise ArtifactError(f"the artifact {name!r} was not found (published: {known})")
        names = files.files_below(source)
        if with_name:
            chosen = globs.select([f"{name}/{path}" for path in names], patterns)
            files.copy_tree(self.folder, target, chosen, keep_mode=False)
        else:
            chosen = globs.select(names, patterns)
            files.copy_tree(source, target, chosen, keep_mode=False)
        target.mkdir(parents=True, exist_ok=True)
        return len(chosen)
