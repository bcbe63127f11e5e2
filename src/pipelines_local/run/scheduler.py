"""Decides what runs when: stages and jobs whose dependencies are done, side by side.

One thread decides; each job has a thread of its own, which does nothing but wait for programs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pipelines_local.approvals import Approver, Decision, Given, Request
from pipelines_local.errors import ExpressionError
from pipelines_local.events import (
    ApprovalGiven,
    ApprovalWanted,
    CancelRequested,
    JobFinished,
    JobStarted,
    StageFinished,
    StageStarted,
)
from pipelines_local.expressions import Object, evaluate, is_true, of_python
from pipelines_local.model import Condition, Job, Pipeline, Stage
from pipelines_local.results import ApprovalRecord, JobResult, Result, RunResult, StageResult
from pipelines_local.run.job import JobRun
from pipelines_local.run.shared import Shared
from pipelines_local.run.signals import on_signals
from pipelines_local.run.status import GraphStatus, needs, overall, stage_result


@dataclass
class _Progress:
    """Where a stage stands."""

    stage: Stage
    result: StageResult
    started: bool = False
    done: bool = False
    approved: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    jobs: dict[str, JobResult] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass
class _Finished:
    """What a job's thread reports."""

    stage: str
    job: str
    run: JobRun
    error: BaseException | None = None


class Scheduler:
    """One run of a pipeline."""

    def __init__(
        self,
        shared: Shared,
        pipeline: Pipeline,
        result: RunResult,
        approver: Approver,
        jobs: int,
        pause: Callable[[], None],
    ) -> None:
        """Take up a run where its result says that it stands.

        Args:
            shared: the surroundings of all jobs.
            pipeline: what is run.
            result: filled while the run goes on; its finished stages are not run again.
            approver: is asked for approvals.
            jobs: how many run side by side.
            pause: called before somebody is asked, when nothing runs: keeps the run, so that it
                can go on even when the question outlives this process.
        """
        self._shared = shared
        self._pipeline = pipeline
        self._result = result
        self._approver = approver
        self._limit = jobs
        self._pause = pause
        self._reports: queue.SimpleQueue[_Finished | None] = queue.SimpleQueue()
        self._count = 0
        self._told = False
        self._asking = False
        self._stages: dict[str, _Progress] = {}
        earlier = {stage.stage: stage for stage in result.stages}
        for stage in pipeline.stages:
            known = earlier.get(stage.name)
            fresh = known or StageResult(stage.name, stage.display, "Skipped")
            progress = _Progress(stage, fresh, started=bool(known), done=bool(known))
            progress.approved = {
                word.environment
                for word in result.approvals
                if word.stage == stage.name and word.decision == "approved"
            }
            for job in fresh.jobs:
                progress.jobs[job.job.lower()] = job
                progress.outputs[job.job.lower()] = job.outputs
            self._stages[stage.name.lower()] = progress

    def run(self) -> Result:
        """Run everything that can run.

        Returns:
            The run's result; ``Waiting`` when it cannot go on without an approval.
        """
        with on_signals(self._cancel):
            waiting = self._loop()
        order = self._keep_stages()
        if waiting:
            return "Waiting"
        return overall([stage.result for stage in order], self._shared.cancel.requested)

    def _keep_stages(self) -> list[StageResult]:
        """Put the stages that are done into the result."""
        self._result.stages[:] = [p.result for p in self._stages.values() if p.done]
        return self._result.stages

    def _cancel(self) -> None:
        if self._asking:  # somebody sits at a prompt, which has to end
            raise KeyboardInterrupt
        self._shared.cancel.request()
        self._reports.put(None)

    def _loop(self) -> bool:
        while True:
            self._tell_cancel()
            while self._advance():
                continue
            if self._count:
                self._wait()
            elif self._ask():
                continue
            else:
                return any(not progress.done for progress in self._stages.values())

    def _wait(self) -> None:
        report = self._reports.get()
        if report is None:
            return
        self._count -= 1
        progress = self._stages[report.stage.lower()]
        name = report.job.lower()
        progress.running.discard(name)
        progress.outputs[name] = dict(report.run.outputs)
        self._job_done(progress, name, report.run.result)
        if report.error is not None:
            self._shared.cancel.force()
            while self._count:
                if self._reports.get() is not None:
                    self._count -= 1
            raise report.error

    def _tell_cancel(self) -> None:
        if self._shared.cancel.requested and not self._told:
            self._told = True
            self._shared.events.send(CancelRequested())

    # Deciding

    def _advance(self) -> bool:
        """Decide whatever can be decided now; False when nothing could be."""
        changed = False
        for progress in self._stages.values():
            if progress.done:
                continue
            if not progress.started:
                changed |= self._try_stage(progress)
            else:
                changed |= self._try_jobs(progress)
        return changed

    def _try_stage(self, progress: _Progress) -> bool:
        stage = progress.stage
        if not all(self._stages[name.lower()].done for name in stage.depends_on):
            return False
        verdict = self._stage_wanted(stage)
        if verdict is not None:
            self._leave_out(progress, verdict)
            return True
        if not self._approved(progress):
            return progress.done
        progress.started = True
        progress.result.started = datetime.now(UTC)
        self._shared.events.send(StageStarted(stage.name))
        return True

    def _stage_wanted(self, stage: Stage) -> Result | None:
        """None when it runs, else its result."""
        depends = {
            p.stage.name.lower(): tuple(name.lower() for name in p.stage.depends_on)
            for p in self._stages.values()
        }
        results = {n: p.result.result for n, p in self._stages.items() if p.done}
        status = GraphStatus(
            results, needs(stage.name.lower(), depends), self._shared.cancel.requested
        )
        names = {"dependencies": self._stage_dependencies(stage)}
        return self._wanted(stage.condition, status, names, self._shared.variables)

    def _wanted(
        self,
        condition: Condition | None,
        status: GraphStatus,
        names: dict[str, Object],
        variables: Any,
    ) -> Result | None:
        if self._shared.cancel.forced:
            return "Canceled"

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
                return "Canceled"
        except ExpressionError as error:
            at = condition.at if condition else ""
            self._condition_error = f"{at}: {error}"
            return "Failed"
        return "Skipped"

    _condition_error = ""

    def _leave_out(self, progress: _Progress, verdict: Result) -> None:
        for job in progress.stage.jobs:
            left = "Skipped" if verdict in ("Failed", "Rejected") else verdict
            found = JobResult(job.name, job.display, left)
            if verdict == "Failed":
                found.issues.error.append(self._condition_error)
            progress.jobs[job.name.lower()] = found
        self._stage_done(progress, verdict)

    def _try_jobs(self, progress: _Progress) -> bool:
        changed = False
        for job in progress.stage.jobs:
            name = job.name.lower()
            if name in progress.jobs or name in progress.running:
                continue
            if not all(need.lower() in progress.jobs for need in job.depends_on):
                continue
            verdict = self._job_wanted(progress, job)
            if verdict is not None:
                found = JobResult(job.name, job.display, verdict)
                if verdict == "Failed":
                    found.issues.error.append(self._condition_error)
                self._job_done(progress, name, found)
                changed = True
            elif self._count < self._limit:
                self._start(progress, job)
                changed = True
        if len(progress.jobs) == len(progress.stage.jobs):
            results = [progress.jobs[job.name.lower()].result for job in progress.stage.jobs]
            self._stage_done(progress, stage_result(results))
            changed = True
        return changed

    def _job_wanted(self, progress: _Progress, job: Job) -> Result | None:
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
        return self._wanted(job.condition, status, self._job_names(progress, job), variables)

    # What expressions see of others

    def _stage_dependencies(self, stage: Stage) -> Object:
        found = {}
        for name in stage.depends_on:
            other = self._stages[name.lower()]
            outputs = {}
            for job in other.stage.jobs:
                for key, value in other.outputs.get(job.name.lower(), {}).items():
                    outputs[f"{job.name}.{key}"] = value
            found[other.stage.name] = {"result": other.result.result, "outputs": outputs}
        return _object(found)

    def _job_names(self, progress: _Progress, job: Job) -> dict[str, Object]:
        own = {
            found.job: {"result": found.result, "outputs": progress.outputs.get(name.lower(), {})}
            for name in job.depends_on
            if (found := progress.jobs[name.lower()])
        }
        stages = {}
        for name in progress.stage.depends_on:
            other = self._stages[name.lower()]
            stages[other.stage.name] = {
                found.job: {"result": found.result, "outputs": other.outputs.get(key, {})}
                for key, found in other.jobs.items()
            }
        return {"dependencies": _object(own), "stagedependencies": _object(stages)}

    # Starting and ending

    def _start(self, progress: _Progress, job: Job) -> None:
        stage = progress.stage
        names = self._job_names(progress, job)
        run = JobRun(self._shared, stage, job, self._shared.variables.copy(), names)
        progress.running.add(job.name.lower())
        self._count += 1
        self._shared.events.send(JobStarted(stage.name, job.name))

        def work() -> None:
            report = _Finished(stage.name, job.name, run)
            try:
                run.run()
            except BaseException as error:  # noqa: BLE001 - raised again by the deciding thread
                report.error = error
            self._reports.put(report)

        threading.Thread(target=work, name=f"{stage.name}.{job.name}", daemon=True).start()

    def _job_done(self, progress: _Progress, name: str, result: JobResult) -> None:
        progress.jobs[name] = result
        self._shared.events.send(JobFinished(progress.stage.name, result))

    def _stage_done(self, progress: _Progress, result: Result) -> None:
        progress.done = True
        progress.result.result = result
        progress.result.finished = datetime.now(UTC) if progress.result.started else None
        progress.result.jobs = [progress.jobs[job.name.lower()] for job in progress.stage.jobs]
        self._shared.events.send(StageFinished(progress.result))

    # Approvals

    def _request(self, progress: _Progress, environment: str) -> Request:
        shared = self._shared
        return Request(progress.stage.name, environment, shared.folder.run, shared.artifacts.folder)

    def _approved(self, progress: _Progress) -> bool:
        return all(name in progress.approved for name in progress.stage.environments)

    def _ask(self) -> bool:
        """Ask for the approvals that are wanted; True when an answer came."""
        answered = False
        for progress in self._stages.values():
            if progress.done or progress.started:
                continue
            if not all(self._stages[name.lower()].done for name in progress.stage.depends_on):
                continue
            for environment in progress.stage.environments:
                if environment in progress.approved or progress.done:
                    continue
                answered |= self._ask_one(progress, environment)
        return answered

    def _ask_one(self, progress: _Progress, environment: str) -> bool:
        request = self._request(progress, environment)
        decision = self._approver.known(request) if isinstance(self._approver, Given) else None
        if decision is None:
            event = ApprovalWanted(request.stage, environment, request.artifacts)
            self._shared.events.send(event)
            self._keep_stages()
            self._pause()
            decision = self._decide(request)
        if self._shared.cancel.requested:
            return True
        if decision is None:
            return False
        if decision.verdict != "open":
            self._record(progress, environment, decision)
        if decision.verdict == "reject":
            self._leave_out(progress, "Rejected")
        else:
            progress.approved.add(environment)
        return True

    def _decide(self, request: Request) -> Decision | None:
        self._asking = True
        try:
            return self._approver.decide(request)
        except KeyboardInterrupt:
            self._shared.cancel.request()
            return None
        finally:
            self._asking = False

    def _record(self, progress: _Progress, environment: str, decision: Decision) -> None:
        record = ApprovalRecord(
            environment,
            progress.stage.name,
            "approved" if decision.verdict == "approve" else "rejected",
            decision.name,
            decision.comment,
            datetime.now(UTC),
        )
        self._result.approvals.append(record)
        self._shared.events.send(ApprovalGiven(record))


def _object(data: Any) -> Object:
    value = of_python(data, ignore_case=True)
    assert isinstance(value, Object)  # noqa: S101 - dictionaries become objects
    return value
