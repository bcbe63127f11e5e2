"""Pipeline artifacts of a run: one folder each, published once, downloaded by other jobs.

As in Azure Pipelines, an artifact contains only file contents: no empty folders, no file modes.
A script in an artifact must be called as ``bash script``.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from pathlib import Path

from pipelines_local import files, globs

INVALID_CHARACTERS = set('\\/"<>|:*?')


class ArtifactError(Exception):
    """An artifact cannot be published or downloaded; ``code`` is the code of the issue."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Artifacts:
    """The artifacts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of the published artifacts, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(  # a leading dot: not yet complete
            p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")
        )

    def delete_except(self, names: Collection[str]) -> None:
        """Delete the artifacts of a stage that was killed and runs again."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in names:
                shutil.rmtree(path)

    def publish(self, name: str, source: Path, *, merge: bool = False) -> int:
        """Copy a file or a folder to the artifact ``name``.

        Args:
            name: the artifact.
            source: the file or folder.
            merge: whether to add the files to an existing artifact.

        Returns:
            The number of files.

        Raises:
            ArtifactError: the name is invalid or exists, or the source is missing.
        """
        if not name or INVALID_CHARACTERS & set(name) or name.startswith("."):
            raise ArtifactError("artifact-name", f"invalid artifact name {name!r}")
        if not source.exists():
            raise ArtifactError("missing-path", f"path does not exist: {source}")
        if (source / ".artifactignore").exists():
            raise ArtifactError("artifactignore", f"{source}: .artifactignore is not supported")
        names = files.list_files(source) if source.is_dir() else [source.name]
        base = source if source.is_dir() else source.parent
        target, temporary = self.folder / name, self.folder / f".{name}"
        with self._lock:
            if merge and target.exists():
                files.copy_tree(base, target, names, keep_mode=False)
                return len(names)
            if target.exists() or temporary.exists():
                message = f"the artifact {name!r} already exists in this run"
                raise ArtifactError("duplicate-artifact", message)
            temporary.mkdir(parents=True)
        files.copy_tree(base, temporary, names, keep_mode=False)
        temporary.rename(target)
        return len(names)

    def download(self, name: str, target: Path, patterns: str, *, with_name: bool) -> int:
        """Copy the files of an artifact to ``target``.

        Args:
            name: the artifact.
            target: the destination folder.
            patterns: which files, one pattern per line; the paths start with the name of the
                artifact if ``with_name``.
            with_name: whether to copy into a subfolder with the name of the artifact.

        Returns:
            The number of files.

        Raises:
            ArtifactError: the artifact does not exist.
        """
        source = self.folder / name
        if name not in self.names():
            published = ", ".join(self.names()) or "none"
            message = f"the artifact {name!r} was not found (published: {published})"
            raise ArtifactError("missing-artifact", message)
        names = files.list_files(source)
        if with_name:
            selected = globs.select_paths([f"{name}/{path}" for path in names], patterns)
            files.copy_tree(self.folder, target, selected, keep_mode=False)
        else:
            selected = globs.select_paths(names, patterns)
            files.copy_tree(source, target, selected, keep_mode=False)
        target.mkdir(parents=True, exist_ok=True)
        return len(selected)
