"""CopyFiles@2."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipelines_local import files, globs
from pipelines_local.tasks.context import TaskContext, TaskFailed


def copy_files(context: TaskContext) -> None:
    """Run CopyFiles@2."""
    source = context.path("sourcefolder", context.folders.sources)
    target = context.path("targetfolder", context.folders.staging)
    if not source.is_dir():
        raise TaskFailed("missing-path", f"not found SourceFolder: {source}")
    names = globs.select_paths(_source_files(source, target), context.text("contents", "**"))
    if context.flag("cleantargetfolder") and target.is_dir():
        shutil.rmtree(target)
    if context.flag("flattenfolders"):
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy2(source / name, target / Path(name).name)
    else:
        if not context.flag("overwrite"):
            names = [name for name in names if not (target / name).exists()]
        files.copy_tree(source, target, names)
    context.log(f"Copied {len(names)} files to {target}")


def _source_files(source: Path, target: Path) -> list[str]:
    """Return the files of ``source``, without those of a target inside it."""
    relative = os.path.relpath(target, source)
    skip = "" if relative.startswith("..") or relative == "." else f"{relative}/"
    return [name for name in files.list_files(source) if not (skip and name.startswith(skip))]
