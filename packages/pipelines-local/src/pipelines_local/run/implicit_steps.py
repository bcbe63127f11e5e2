"""The steps that Azure Pipelines adds to a job."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines_local.model import Job, Phase, Step


def add_implicit_steps(job: Job, phase: Phase, pipelines: Iterable[str]) -> list[Step]:
    """Add the steps of a phase: a job checks out its repository, a deployment downloads artifacts.

    Args:
        job: the job.
        phase: its steps, or those of a lifecycle hook.
        pipelines: the aliases of the pipeline resources, which a deployment downloads too.
    """
    steps = list(phase.steps)
    if not phase.name:
        if not job.is_server and not any(step.task == "checkout" for step in steps):
            inputs = {"repository": "self"}
            steps.insert(0, Step("checkout", "", "Checkout", inputs, job.at))
    elif phase.name.split("_")[0] == "deploy":
        # Also as a task: the step "download" is only its short form.
        has_download = any(step.task == "DownloadPipelineArtifact@2" for step in steps)
        for source in () if has_download else ("current", *pipelines):
            inputs = {"source": source, "shortcut": "true"}
            display = f"Download {source}"
            steps.insert(0, Step("DownloadPipelineArtifact@2", "", display, inputs, job.at))
    return steps
