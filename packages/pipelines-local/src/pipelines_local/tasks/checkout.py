"""``checkout: self``, ``checkout: none`` and the checkout of other repositories."""

from __future__ import annotations

from pipelines_local import sources
from pipelines_local.tasks.context import TaskContext


def check_out(context: TaskContext) -> None:
    """Copy the snapshot of a repository to the workspace of the job.

    A job with one checkout has it in ``s``; with several, each repository has a folder in ``s``.
    """
    repository = context.text("repository")
    if repository.lower() == "none":
        context.log("Nothing is checked out")
        return
    target = context.folders.sources
    if context.text("path"):
        target = context.folders.workspace / context.text("path")
    elif context.checkouts > 1:
        target /= context.repository_name if repository.lower() == "self" else repository
    count = sources.copy_snapshot(context.snapshot(repository), target)
    context.log(f"Checked out {count} files to {target}")
