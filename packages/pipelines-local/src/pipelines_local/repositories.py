"""Repositories of ``resources.repositories``: git repositories of this machine at a ref.

The working tree of a folder is used if its commit is that of the ref, so changes that are not
committed can be tried. Otherwise the commit is checked out to a cache folder, because templates are
read before a run has a folder.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines_local import sources
from pipelines_local.errors import InvalidPipeline, UsageError
from pipelines_local.model.types import RepositoryResource


@dataclass(frozen=True)
class RepositoryFolder:
    """The folder of a repository; ``ref`` replaces that of the pipeline unless it is empty."""

    folder: Path
    ref: str = ""


def parse_folders(folders: Mapping[str, Path | str]) -> dict[str, RepositoryFolder]:
    """Parse FOLDER or FOLDER@REF; the result is by lower-case alias.

    Raises:
        UsageError: a folder does not exist, or has no such ref.
    """
    parsed = {}
    for alias, value in folders.items():
        folder, at, ref = str(value).rpartition("@")
        if not at or Path(value).is_dir():
            folder, ref = str(value), ""
        if not Path(folder).is_dir():
            raise UsageError("missing-folder", f"{alias}: no such folder: {folder}")
        if at and ref and not sources.resolve_ref(Path(folder), ref):
            raise UsageError("repository-ref", f"{alias}: {folder} has no branch or tag {ref!r}")
        parsed[alias.lower()] = RepositoryFolder(Path(folder).resolve(), ref)
    return parsed


def check_out_refs(
    folders: Mapping[str, RepositoryFolder], resources: Iterable[RepositoryResource]
) -> dict[str, Path]:
    """Return the folders with the files of each repository by lower-case alias.

    A folder without git, and a folder without the ref of the pipeline, is returned unchanged.
    """
    refs = {resource.alias.lower(): resource.ref for resource in resources}
    return {
        alias: _check_out(each.folder, each.ref or refs.get(alias, ""))
        for alias, each in folders.items()
    }


def check_ref(resource: RepositoryResource, folder: RepositoryFolder | None) -> None:
    """Check that a repository has the ``ref`` of the pipeline.

    Raises:
        InvalidPipeline: it has not.
    """
    if folder is None or folder.ref or not resource.ref:
        return
    path = folder.folder
    if sources.describe_repository(path).commit and not sources.resolve_ref(path, resource.ref):
        raise InvalidPipeline(
            "repository-ref",
            f"{path} has no branch or tag {resource.ref!r}",
            resource.at,
            f"run: git -C {path} fetch, or use --repository {resource.alias}={path}@REF",
        )


def _check_out(folder: Path, ref: str) -> Path:
    commit = sources.resolve_ref(folder, ref) if ref else ""
    if not commit or commit == sources.describe_repository(folder).commit:
        return folder
    target = _cache_folder() / f"{folder.name}-{commit[:16]}"
    if not target.is_dir():
        temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        try:
            sources.clone_commit(folder, commit, temporary)
            temporary.rename(target)
        except OSError as error:
            if not target.is_dir():  # not created by another process meanwhile
                message = f"{target}: cannot be written ({error.strerror})"
                raise UsageError("cache-folder", message) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _cache_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "pipelines-local" / "repositories"
