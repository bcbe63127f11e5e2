"""publish and download: from and to the run's artifacts."""

from __future__ import annotations

from pipelines_local.run.artifacts import ArtifactError, Artifacts
from pipelines_local.tasks.context import TaskContext, TaskFailed


def publish(context: TaskContext) -> None:
    """PublishPipelineArtifact@1: ``publish:``."""
    source = context.path("targetpath", context.folders.sources)
    name = context.text("artifact", context.job)
    try:
        count = context.artifacts.publish(name, source)
    except ArtifactError as error:
        raise TaskFailed(str(error)) from None
    context.log(f"Published {count} files as the artifact {name!r}")


def download(context: TaskContext) -> None:
    """DownloadPipelineArtifact@2: ``download:``."""
    source = context.text("source", "current").lower()
    if source == "none":
        return
    shortcut = context.flag("shortcut")
    folder = context.folders.workspace
    if source == "current":
        store = context.artifacts
    else:
        alias = context.text("pipeline") if source == "specific" else source
        store = _pipeline(context, alias)
        if shortcut:
            folder = folder / context.text("source")
    name = context.text("artifact")
    target = context.path("path", folder / name if shortcut and name else folder)
    names = [name] if name else store.names()
    patterns = context.text("patterns", "**")
    try:
        for one in names:
            count = store.give(one, target, patterns, with_name=not name)
            context.log(f"Downloaded {count} files of the artifact {one!r}")
    except ArtifactError as error:
        raise TaskFailed(str(error)) from None
    if not names:
        context.log("There are no artifacts yet")


def _pipeline(context: TaskContext, alias: str) -> Artifacts:
    try:
        return context.pipelines[alias.lower()]
    except KeyError:
        known = ", ".join(context.pipelines) or "none"
        raise TaskFailed(f"no pipeline resource {alias!r} (known: {known})") from None
