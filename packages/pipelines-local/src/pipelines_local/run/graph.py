"""State of the stages and jobs of a run, and evaluation of their conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines_local.errors import ExpressionError, InvalidPipeline
from pipelines_local.expressions import (
    Array,
    Object,
    describe,
    evaluate,
    from_python,
    is_true,
    to_text,
)
from pipelines_local.model import Condition, Job, Pipeline, Stage
from pipelines_local.model.strategy import expand_matrix, restore_copy
from pipelines_local.results import JobResult, Result, RunResult, StageResult
from pipelines_local.run.context import RunContext
from pipelines_local.run.status import DependencyStatus, stage_result, transitive_dependencies
from pipelines_local.run.variables import Variables


@dataclass
class StageState:
    """The state of one stage; ``jobs`` and ``outputs`` are by lower-case job name."""

    stage: Stage
    result: StageResult
    started: bool = False
    done: bool = False
    approved: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    jobs: dict[str, JobResult] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    def copies(self, name: str) -> list[Job]:
        """Return the jobs with a base name: one, or the copies of a matrix."""
        return [job for job in self.stage.jobs if job.base_name.lower() == name.lower()]

    def replace_job(self, job: Job, copies: tuple[Job, ...]) -> None:
        """Replace a job by its copies."""
        jobs = list(self.stage.jobs)
        at = jobs.index(job)
        jobs[at : at + 1] = copies
        self.stage = replace(self.stage, jobs=tuple(jobs))

    def restore_copies(self) -> None:
        """Replace each job with ``matrix: $[ ]`` by the copies that have results."""
        for job in self.stage.jobs:
            names = [r.job for r in self.jobs.values() if r.job.startswith(f"{job.name}.")]
            if job.matrix is not None and names:
                self.replace_job(job, tuple(restore_copy(job, name) for name in names))

    def is_done(self, name: str) -> bool:
        """Whether a job and all of its copies are done."""
        return all(job.name.lower() in self.jobs for job in self.copies(name))

    def results(self) -> dict[str, Result]:
        """Return the results of the finished jobs by lower-case base name."""
        names = {job.base_name.lower() for job in self.stage.jobs}
        return {
            name: stage_result([self.jobs[job.name.lower()].result for job in self.copies(name)])
            for name in names
            if self.is_done(name)
        }

    def job_outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of a job; those of a copy start with its name."""
        outputs = {}
        for job in self.copies(name):
            prefix = f"{job.leg}." if job.leg else ""
            for key, value in self.outputs.get(job.name.lower(), {}).items():
                outputs[f"{prefix}{key}"] = value
        return outputs

    def values(self) -> dict[str, Any]:
        """Return results and outputs of the finished jobs by base name, for expressions."""
        results = self.results()
        names = dict.fromkeys(job.base_name for job in self.stage.jobs)
        return {
            name: {"result": results[name.lower()], "outputs": self.job_outputs(name)}
            for name in names
            if name.lower() in results
        }


@dataclass(frozen=True)
class SkipDecision:
    """The result of a stage or a job that does not run, and the error of its condition."""

    result: Result
    error: str = ""

    def job_result(self, job: Job, result: Result) -> JobResult:
        """Return the result of a job that does not run."""
        skipped = JobResult(job.name, job.display, result)
        if self.error:
            skipped.issues.add("error", "condition", self.error)
        return skipped


class RunGraph:
    """The stages of a run by lower-case name."""

    def __init__(self, context: RunContext, pipeline: Pipeline, result: RunResult) -> None:
        """Start with the state that ``result`` describes."""
        self._context = context
        self.stages: dict[str, StageState] = {}
        earlier = {stage.stage: stage for stage in result.stages}
        for stage in pipeline.stages:
            known = earlier.get(stage.name)
            initial = known or StageResult(stage.name, stage.display, "Skipped")
            state = StageState(stage, initial, started=bool(known))
            state.done = known is not None and known.result != "Waiting"
            state.approved = {
                approval.environment
                for approval in result.approvals
                if approval.stage == stage.name and approval.decision == "approved"
            }
            for job in initial.jobs:
                state.jobs[job.job.lower()] = job
                state.outputs[job.job.lower()] = job.outputs
            if state.done:
                state.restore_copies()
            self.stages[stage.name.lower()] = state

    def is_ready(self, state: StageState) -> bool:
        """Whether all dependencies of a stage are done."""
        return all(self.stages[name.lower()].done for name in state.stage.depends_on)

    def check_stage(self, stage: Stage) -> SkipDecision | None:
        """Evaluate the condition of a ready stage; None if the stage runs."""
        dependencies = {
            state.stage.name.lower(): tuple(name.lower() for name in state.stage.depends_on)
            for state in self.stages.values()
        }
        results = {name: state.result.result for name, state in self.stages.items() if state.done}
        status = DependencyStatus(
            results,
            transitive_dependencies(stage.name.lower(), dependencies),
            self._context.cancellation.requested,
        )
        names = {"dependencies": self._stage_dependencies(stage)}
        return self._check(stage.condition, status, names, self._context.variables)

    def check_job(self, state: StageState, job: Job, *, canceled: bool) -> SkipDecision | None:
        """Evaluate the condition of a job whose dependencies are done; None if the job runs.

        Args:
            state: of the job's stage.
            job: the job.
            canceled: whether the run was cancelled before.
        """
        dependencies = {
            other.base_name.lower(): tuple(name.lower() for name in other.depends_on)
            for other in state.stage.jobs
        }
        status = DependencyStatus(
            state.results(),
            transitive_dependencies(job.base_name.lower(), dependencies),
            canceled,
        )
        variables = self._stage_variables(state.stage)
        return self._check(job.condition, status, self.job_dependencies(state, job), variables)

    def expand_matrix(self, state: StageState, job: Job, matrix: Condition) -> tuple[Job, ...]:
        """Return the copies of a ready job with ``matrix: $[ ]``, the expression ``matrix``.

        Raises:
            ExpressionError: the expression cannot be evaluated.
            InvalidPipeline: its value is not a matrix.
        """
        names = self.job_dependencies(state, job)
        variables = self._stage_variables(state.stage)
        context = self._context.expression_context(variables, names=dict(names))
        value = evaluate(matrix.tree, context)
        if isinstance(value, (Array, Object)):
            message = f"'matrix' must be a JSON object in a string (got {describe(value)})"
            raise InvalidPipeline("matrix-value", message, matrix.at)
        return expand_matrix(job, to_text(value), matrix.at)

    def _stage_variables(self, stage: Stage) -> Variables:
        """Return the variables of a stage with constant values."""
        variables = self._context.variables.copy()
        for variable in stage.variables:
            if variable.is_constant:
                variables.set(variable.name, variable.value)
        return variables

    def _check(
        self,
        condition: Condition | None,
        status: DependencyStatus,
        names: Mapping[str, Object],
        variables: Variables,
    ) -> SkipDecision | None:
        if self._context.cancellation.forced:
            return SkipDecision("Canceled")

        def is_met(status: DependencyStatus) -> bool:
            if condition is None:
                return status.check("succeeded", ())
            context = self._context.expression_context(variables, status, names)
            return is_true(evaluate(condition.tree, context))

        try:
            if is_met(status):
                return None
            # Without the cancellation it would have run, so it is cancelled, not skipped.
            if status.canceled and is_met(replace(status, canceled=False)):
                return SkipDecision("Canceled")
        except ExpressionError as error:
            at = condition.at if condition else ""
            return SkipDecision("Failed", f"{at}: {error}")
        return SkipDecision("Skipped")

    def _stage_dependencies(self, stage: Stage) -> Object:
        """The value of ``dependencies`` in the condition of a stage."""
        dependencies = {}
        for name in stage.depends_on:
            state = self.stages[name.lower()]
            outputs = {}
            for job in state.stage.jobs:
                for key, value in state.outputs.get(job.name.lower(), {}).items():
                    outputs[f"{job.name}.{key}"] = value
            dependencies[state.stage.name] = {"result": state.result.result, "outputs": outputs}
        return _to_object(dependencies)

    def job_dependencies(self, state: StageState, job: Job) -> dict[str, Object]:
        """The values of ``dependencies`` and ``stageDependencies`` in a job."""
        finished = {name.lower(): (name, value) for name, value in state.values().items()}
        own = dict(finished[name.lower()] for name in job.depends_on)
        stages = {}
        for name in state.stage.depends_on:
            other = self.stages[name.lower()]
            stages[other.stage.name] = other.values()
        return {"dependencies": _to_object(own), "stagedependencies": _to_object(stages)}


def _to_object(data: Any) -> Object:
    value = from_python(data, ignore_case=True)
    assert isinstance(value, Object)  # noqa: S101 - a dictionary becomes an Object
    return value
