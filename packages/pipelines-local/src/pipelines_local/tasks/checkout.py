"""``checkout: self`` and ``checkout: none``."""

from __future__ import annotations

from pipelines_local.run import sources
from pipelines_local.tasks.context import TaskContext


def check_out(context: TaskContext) -> None:
    """Copy the snapshot of the repository to the workspace of the job."""
    if context.text("repository") == "none":
        context.log("Nothing is checked out")
        return
    target = context.folders.sources
    if context.text("path"):
        target = context.folders.workspace / context.text("path")
    count = sources.copy_snapshot(context.snapshot(), target)
    context.log(f"Checked out {count} files to {target}")
