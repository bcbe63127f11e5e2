"""Outputs of deployment jobs that are addressed without the job or the hook."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines_local.azure_warnings.job_scripts import JobScripts
from pipelines_local.errors import Diagnostic
from pipelines_local.expressions.parser import Call, Expression, Filter, Index, Literal, Name
from pipelines_local.model import Condition, Stage

_SOURCE = (
    "https://learn.microsoft.com/azure/devops/pipelines/process/deployment-jobs"
    "#support-for-output-variables"
)


def check_outputs(job: JobScripts) -> Iterator[Diagnostic]:
    """An output of a deployment job starts with the name of the job or of the hook."""
    for condition in _expressions(job):
        for stage_name, name, key in _output_references(condition.tree):
            stage = _find_stage(job, stage_name)
            for other in stage.jobs if stage else ():
                prefixes = tuple(phase.prefix.lower() for phase in other.phases)
                is_deployment = other.environment and other.name.lower() == name.lower()
                if is_deployment and not key.lower().startswith(prefixes):
                    yield Diagnostic(
                        "deployment-output",
                        f"{key!r} is empty: {other.name} is a deployment job",
                        condition.at,
                        "warning",
                        f"use outputs['{other.phases[0].prefix}{key}']",
                        _SOURCE,
                    )


def _find_stage(job: JobScripts, name: str) -> Stage | None:
    if not name:
        return job.stage
    stages = [stage for stage in job.pipeline.stages if stage.name.lower() == name.lower()]
    return stages[0] if stages else None


def _expressions(job: JobScripts) -> Iterator[Condition]:
    if job.job.condition:
        yield job.job.condition
    if job.job.matrix:
        yield job.job.matrix
    for variable in (*job.stage.variables, *job.job.variables):
        if variable.tree is not None:
            yield Condition(variable.value, variable.tree, variable.at)


def _output_references(tree: Expression) -> Iterator[tuple[str, str, str]]:
    """Yield stage, job and key of each ``outputs['KEY']``; the stage is empty for its own."""
    match tree:
        case Index(
            base=Index(
                base=Index(base=Name(name=root), key=Literal(value=job)),
                key=Literal(value="outputs"),
            ),
            key=Literal(value=key),
        ) if root.lower() == "dependencies":
            yield "", str(job), str(key)
        case Index(
            base=Index(
                base=Index(
                    base=Index(base=Name(name=root), key=Literal(value=stage)),
                    key=Literal(value=job),
                ),
                key=Literal(value="outputs"),
            ),
            key=Literal(value=key),
        ) if root.lower() == "stagedependencies":
            yield str(stage), str(job), str(key)
        case Index():
            yield from _output_references(tree.base)
            yield from _output_references(tree.key)
        case Filter():
            yield from _output_references(tree.base)
        case Call():
            for argument in tree.arguments:
                yield from _output_references(argument)
        case _:
            return
