"""Where each stage and job of a run stands, and what its condition says of those that are next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pipelines_local.errors import ExpressionError
from pipelines_local.expressions import Object, evaluate, is_true, of_python
from pipelines_local.model import Condition, Job, Pipeline, Stage
from pipelines_local.results import JobResult, Result, RunResult, StageResult
from pipelines_local.run.shared import Shared
from pipelines_local.run.status import GraphStatus, needs


@dataclass
class Progress:
    """Where a stage stands."""

    stage: Stage
    result: StageResult
    started: bool = False
    done: bool = False
    approved: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    jobs: dict[str, JobResult] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Why a stage or a job does not run: its result, and what was wrong with its condition."""

    result: Result
    error: str = ""

    def of(self, job: Job, result: Result) -> JobResult:
        """The result of a job that is left out."""
        found = JobResult(job.name, job.display, result)
        if self.error:
            found.issues.error.append(self.error)
        return found


class Graph:
    """The stages of a run, by their names in small letters."""

    def __init__(self, shared: Shared, pipeline: Pipeline, result: RunResult) -> None:
        """Take them up where the result says that they stand."""
        self._shared = shared
        self.stages: dict[str, Progress] = {}
        earlier = {stage.stage: stage for stage in result.stages}
        for stage in pipeline.stages:
            known = earlier.get(stage.name)
            fresh = known or StageResult(stage.name, stage.display, "Skipped")
            progress = Progress(stage, fresh, started=bool(known), done=bool(known))
            progress.approved = {
                word.environment
                for word in result.approvals
                if word.stage == stage.name and word.decision == "approved"
            }
            for job in fresh.jobs:
                progress.jobs[job.job.lower()] = job
                progress.outputs[job.job.lower()] = job.outputs
            self.stages[stage.name.lower()] = progress

    def is_next(self, progress: Progress) -> bool:
        """Whether all that a stage depends on is done."""
        return all(self.stages[name.lower()].done for name in progress.stage.depends_on)

    def stage_verdict(self, stage: Stage) -> Verdict | None:
        """What becomes of a stage whose dependencies are done; None: it runs."""
        depends = {
            p.stage.name.lower(): tuple(name.lower() for name in p.stage.depends_on)
            for p in self.stages.values()
        }
        results = {n: p.result.result for n, p in self.stages.items() if p.done}
        status = GraphStatus(
            results, needs(stage.name.lower(), depends), self._shared.cancel.requested
        )
        names = {"dependencies": self._stage_dependencies(stage)}
        return self._wanted(stage.condition, status, names, self._shared.variables)

    def job_verdict(self, progress: Progress, job: Job) -> Verdict | None:
        """What becomes of a job whose dependencies are done; None: it runs."""
        depends = {
            other.name.lower(): tuple(name.lower() for name in other.depends_on)
            for other in progress.stage.jobs
        }
        results = {name: found.result for name, found in progress.jobs.items()}
        status = GraphStatus(
            results, needs(job.name.lower(), depends), self._shared.cancel.requested
        )
        variables = self._shared.variables.copy()
        for variable in progress.stage.variables:
            if variable.tree is None:
                variables.set(variable.name, variable.value)
        return self._wanted(job.condition, status, self.job_names(progress, job), variables)

    def _wanted(
        self,
        condition: Condition | None,
        status: GraphStatus,
        names: dict[str, Object],
        variables: Any,
    ) -> Verdict | None:
        if self._shared.cancel.forced:
            return Verdict("Canceled")

        def holds(as_of: GraphStatus) -> bool:
            if condition is None:
                return as_of.check("succeeded", ())
            context = self._shared.context(variables, as_of, names)
            return is_true(evaluate(condition.tree, context))

        try:
            if holds(status):
                return None
            # What waited for its approval or for a free place is cancelled, not left out.
            if status.canceled and holds(replace(status, canceled=False)):
                return Verdict("Canceled")
        except ExpressionError as error:
            at = condition.at if condition else ""
            return Verdict("Failed", f"{at}: {error}")
        return Verdict("Skipped")

    def _stage_dependencies(self, stage: Stage) -> Object:
        found = {}
        for name in stage.depends_on:
            other = self.stages[name.lower()]
            outputs = {}
            for job in other.stage.jobs:
                for key, value in other.outputs.get(job.name.lower(), {}).items():
                    outputs[f"{job.name}.{key}"] = value
            found[other.stage.name] = {"result": other.result.result, "outputs": outputs}
        return _object(found)

    def job_names(self, progress: Progress, job: Job) -> dict[str, Object]:
        """What a job's expressions see of other jobs and stages, by name."""
        own = {
            found.job: {"result": found.result, "outputs": progress.outputs.get(name.lower(), {})}
            for name in job.depends_on
            if (found := progress.jobs[name.lower()])
        }
        stages = {}
        for name in progress.stage.depends_on:
            other = self.stages[name.lower()]
            stages[other.stage.name] = {
                found.job: {"result": found.result, "outputs": other.outputs.get(key, {})}
                for key, found in other.jobs.items()
            }
        return {"dependencies": _object(own), "stagedependencies": _object(stages)}


def _object(data: Any) -> Object:
    value = of_python(data, ignore_case=True)
    assert isinstance(value, Object)  # noqa: S101 - dictionaries become objects
    return value
