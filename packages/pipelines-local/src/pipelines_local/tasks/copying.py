"""CopyFiles@2, and checkout."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pipelines_local import files, globs
from pipelines_local.run import sources
from pipelines_local.tasks.context import TaskContext, TaskFailed


def copy_files(context: TaskContext) -> None:
    """CopyFiles@2."""
    source = context.path("sourcefolder", context.folders.sources)
    target = context.path("targetfolder", context.folders.staging)
    if not source.is_dir():
        raise TaskFailed(f"not found SourceFolder: {source}")
    names = globs.select(_files(source, target), context.text("contents", "**"))
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


def _files(source: Path, target: Path) -> list[str]:
    """All files below ``source``, without those of a target inside of it."""
    below = os.path.relpath(target, source)
    skip = "" if below.startswith("..") or below == "." else f"{below}/"
    return [name for name in files.files_below(source) if not (skip and name.startswith(skip))]


def checkout(context: TaskContext) -> None:
    """``checkout: self`` or ``none``."""
    if context.text("repository") == "none":
        context.log("Nothing is checked out")
        return
    target = context.folders.sources
    if context.text("path"):
        target = context.folders.workspace / context.text("path")
    count = sources.give(context.snapshot(), target)
    context.log(f"Checked out {count} files to {target}")
