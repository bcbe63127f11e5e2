"""PipAuthenticate@1: pip keeps the configuration of this machine."""

from __future__ import annotations

from pipelines_local.tasks.context import TaskContext


def authenticate_pip(context: TaskContext) -> None:
    """Warn that no credentials are set; feeds of Azure Artifacts are not available here."""
    feeds = context.text("artifactfeeds") or context.text("pythondownloadserviceconnections")
    if feeds:
        context.add_issue(
            "warning",
            "pip-feed",
            f"no credentials are set for {feeds}: pip uses the configuration of this machine",
        )
