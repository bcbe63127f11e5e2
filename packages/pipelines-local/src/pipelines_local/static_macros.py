"""Macros that must be known before the run: service connections and environments.

Azure Pipelines authorizes both when a run is queued, so only variables with a constant value can be
used there, not secrets, output variables or variables that a step sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipelines_local.errors import InvalidPipeline, Position, Problems
from pipelines_local.model import Job, Pipeline, Stage, Step, Variable
from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import Variables
from pipelines_local.tasks.specs import TASKS


def resolve_static_macros(pipeline: Pipeline, values: Mapping[str, str]) -> Pipeline:
    """Replace the macros in ``azureSubscription`` and ``environment``.

    Args:
        pipeline: the pipeline.
        values: the variables of the caller and the predefined ones.

    Raises:
        InvalidPipeline: a variable is not known before the run.
    """
    problems = Problems()
    root = Variables(Masker())
    for name, value in values.items():
        root.set(name, value)
    _add(root, pipeline.variables)
    stages = tuple(_resolve_stage(stage, root, problems) for stage in pipeline.stages)
    problems.raise_all()
    return replace(pipeline, stages=stages)


def _add(variables: Variables, declared: tuple[Variable, ...]) -> None:
    for variable in declared:
        if variable.is_constant:
            variables.set(variable.name, variable.value)


def _resolve_stage(stage: Stage, root: Variables, problems: Problems) -> Stage:
    variables = root.copy()
    _add(variables, stage.variables)
    return replace(stage, jobs=tuple(_resolve_job(job, variables, problems) for job in stage.jobs))


def _resolve_job(job: Job, stage: Variables, problems: Problems) -> Job:
    variables = stage.copy()
    _add(variables, job.variables)
    environment = problems.collect(_resolve, job.environment, variables, "environment", job.at)
    phases = tuple(
        replace(
            phase, steps=tuple(_resolve_step(step, variables, problems) for step in phase.steps)
        )
        for phase in job.phases
    )
    return replace(job, environment=environment or "", phases=phases)


def _resolve_step(step: Step, variables: Variables, problems: Problems) -> Step:
    key = TASKS[step.task].connection
    name = step.inputs.get(key, "")
    if "$(" not in name:
        return step
    value = problems.collect(_resolve, name, variables, "azureSubscription", step.at)
    return replace(step, inputs={**step.inputs, key: value or name})


def _resolve(text: str, variables: Variables, key: str, at: Position) -> str:
    value = variables.expand(text)
    if "$(" in value:
        raise InvalidPipeline(
            "unresolved-macro",
            f"{key} {value!r}: the variable is not known before the run",
            at,
            "use a variable with a constant value, or set it with --variable",
        )
    return value
