"""``checkout: self``, ``checkout: none`` and the checkout of other repositories."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines_local import snapshots
from pipelines_local.tasks.context import TaskContext, TaskFailed


def check_out(context: TaskContext) -> None:
    """Copy the snapshot of a repository to the workspace of the job.

    A job with one checkout has it in ``s``, or in its ``path``, which then is the folder of the
    sources and of the steps. With several, each repository has a folder in ``s``, and a ``path`` of
    ``self`` changes only ``Build.Repository.LocalPath``. Source:
    ``PluginInternalCommandExtension.cs`` of azure-pipelines-agent.
    """
    repository = context.text("repository")
    if repository.lower() == "none":
        context.log("Nothing is checked out")
        return
    is_self = repository.lower() == "self"
    target = context.folders.sources
    if context.checkouts > 1:
        target /= context.repository_name if is_self else repository
    path = context.text("path")
    if path:
        default, target = target, _workspace_path(context, path)
        if context.checkouts == 1:
            context.folders.sources = context.folders.repository = target
        elif is_self and target != default:
            context.folders.repository = target
    snapshot = context.snapshot(repository, context.contents)
    count = snapshots.copy_snapshot(snapshot, target)
    context.log(f"Checked out {count} files to {target}")


def _workspace_path(context: TaskContext, path: str) -> Path:
    """Return the folder of ``path``, which must be in the workspace."""
    workspace = context.folders.workspace
    target = Path(os.path.normpath(workspace / path))
    if workspace not in target.parents:
        raise TaskFailed("checkout-path", f"path: {path!r} is not a folder in {workspace}")
    return target
