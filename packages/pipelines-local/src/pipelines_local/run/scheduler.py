"""Starts what may run, side by side, and asks for approvals; :mod:`.graph` says what may.

One thread decides; each job has a thread of its own, which does nothing but wait for programs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines_local.approvals import Approver, Decision, Given, Request
from pipelines_local.events import (
    ApprovalGiven,
    ApprovalWanted,
    CancelRequested,
    JobFinished,
    JobStarted,
    StageFinished,
    StageStarted,
)
from pipelines_local.model import Job, Pipeline
from pipelines_local.results import ApprovalRecord, JobResult, Result, RunResult, StageResult
from pipelines_local.run.graph import Graph, Progress, Verdict
from pipelines_local.run.job import JobRun
from pipelines_local.run.shared import Shared
from pipelines_local.run.signals import on_signals
from pipelines_local.run.status import overall, stage_result


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
        self._graph = Graph(shared, pipeline, result)
        self._stages = self._graph.stages

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

    def _try_stage(self, progress: Progress) -> bool:
        stage = progress.stage
        if not self._graph.is_next(progress):
            return False
        verdict = self._graph.stage_verdict(stage)
        if verdict is not None:
            self._leave_out(progress, verdict)
            return True
        if not self._approved(progress):
            return progress.done
        progress.started = True
        progress.result.started = datetime.now(UTC)
        self._shared.events.send(StageStarted(stage.name))
        return True

    def _leave_out(self, progress: Progress, verdict: Verdict) -> None:
        left = "Skipped" if verdict.result in ("Failed", "Rejected") else verdict.result
        for job in progress.stage.jobs:
            progress.jobs[job.name.lower()] = verdict.of(job, left)
        self._stage_done(progress, verdict.result)

    def _try_jobs(self, progress: Progress) -> bool:
        changed = False
        for job in progress.stage.jobs:
            name = job.name.lower()
            if name in progress.jobs or name in progress.running:
                continue
            if not all(need.lower() in progress.jobs for need in job.depends_on):
                continue
            verdict = self._graph.job_verdict(progress, job)
            if verdict is not None:
                self._job_done(progress, name, verdict.of(job, verdict.result))
                changed = True
            elif self._count < self._limit:
                self._start(progress, job)
                changed = True
        if len(progress.jobs) == len(progress.stage.jobs):
            results = [progress.jobs[job.name.lower()].result for job in progress.stage.jobs]
            self._stage_done(progress, stage_result(results))
            changed = True
        return changed

    # Starting and ending

    def _start(self, progress: Progress, job: Job) -> None:
        stage = progress.stage
        names = self._graph.job_names(progress, job)
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

    def _job_done(self, progress: Progress, name: str, result: JobResult) -> None:
        progress.jobs[name] = result
        self._shared.events.send(JobFinished(progress.stage.name, result))

    def _stage_done(self, progress: Progress, result: Result) -> None:
        progress.done = True
        progress.result.result = result
        progress.result.finished = datetime.now(UTC) if progress.result.started else None
        progress.result.jobs = [progress.jobs[job.name.lower()] for job in progress.stage.jobs]
        self._shared.events.send(StageFinished(progress.result))

    # Approvals

    def _request(self, progress: Progress, environment: str) -> Request:
        shared = self._shared
        return Request(progress.stage.name, environment, shared.folder.run, shared.artifacts.folder)

    def _approved(self, progress: Progress) -> bool:
        return all(name in progress.approved for name in progress.stage.environments)

    def _ask(self) -> bool:
        """Ask for the approvals that are wanted; True when an answer came."""
        answered = False
        for progress in self._stages.values():
            if progress.done or progress.started:
                continue
            if not self._graph.is_next(progress):
                continue
            for environment in progress.stage.environments:
                if environment in progress.approved or progress.done:
                    continue
                answered |= self._ask_one(progress, environment)
        return answered

    def _ask_one(self, progress: Progress, environment: str) -> bool:
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
            self._leave_out(progress, Verdict("Rejected"))
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

    def _record(self, progress: Progress, environment: str, decision: Decision) -> None:
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
