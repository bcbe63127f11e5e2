"""PublishPipelineArtifact, PublishBuildArtifacts and DownloadPipelineArtifact."""

from __future__ import annotations

from pipelines_local.artifacts import ArtifactError, Artifacts
from pipelines_local.tasks.context import TaskContext, TaskFailed


def publish_artifact(context: TaskContext) -> None:
    """Run PublishPipelineArtifact@0 or @1."""
    source = context.path("targetpath", context.folders.sources)
    name = context.text("artifact", context.job)
    try:
        count = context.artifacts.publish(name, source)
    except ArtifactError as error:
        raise TaskFailed(error.code, str(error)) from None
    context.log(f"Published {count} files as the artifact {name!r}")


def publish_build_artifact(context: TaskContext) -> None:
    """Run PublishBuildArtifacts@1; a second publication adds files to the artifact."""
    source = context.path("pathtopublish", context.folders.staging)
    name = context.text("artifactname", "drop")
    try:
        count = context.artifacts.publish(name, source, merge=True)
    except ArtifactError as error:
        raise TaskFailed(error.code, str(error)) from None
    context.log(f"Published {count} files as the artifact {name!r}")


def download_artifact(context: TaskContext) -> None:
    """Run DownloadPipelineArtifact@2."""
    source = context.text("source", "current").lower()
    if source == "none":
        return
    shortcut = context.flag("shortcut")
    folder = context.folders.workspace
    if source == "current":
        store = context.artifacts
    else:
        alias = context.text("pipeline") if source == "specific" else source
        store = _pipeline_artifacts(context, alias)
        if shortcut:
            folder = folder / context.text("source")
    name = context.text("artifact")
    target = context.path("path", folder / name if shortcut and name else folder)
    names = [name] if name else store.names()
    patterns = context.text("patterns", "**")
    try:
        for artifact in names:
            count = store.download(artifact, target, patterns, with_name=not name)
            context.log(f"Downloaded {count} files of the artifact {artifact!r}")
    except ArtifactError as error:
        raise TaskFailed(error.code, str(error)) from None
    if not names:
        context.log("No artifacts were published yet")


def _pipeline_artifacts(context: TaskContext, alias: str) -> Artifacts:
    try:
        return context.pipelines[alias.lower()]
    except KeyError:
        known = ", ".join(context.pipelines) or "none"
        message = f"unknown pipeline resource {alias!r} (known: {known})"
        raise TaskFailed("unknown-pipeline-resource", message) from None
