"""Start the jobs that are ready, run them in parallel, request approvals.

One thread decides; each job has its own thread, which only waits for processes.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines_local.approvals import Approver
from pipelines_local.errors import ExpressionError, InvalidPipeline
from pipelines_local.events import (
    CancelRequested,
    JobFinished,
    JobStarted,
    MatrixExpanded,
    StageFinished,
    StageStarted,
)
from pipelines_local.model import Condition, Job, Pipeline
from pipelines_local.results import JobResult, Result, RunResult, StageResult
from pipelines_local.run.approval_requests import ApprovalRequests
from pipelines_local.run.context import RunContext
from pipelines_local.run.graph import RunGraph, SkipDecision, StageState
from pipelines_local.run.job import JobRun
from pipelines_local.run.signals import on_signals
from pipelines_local.run.status import run_result, stage_result

SIGNAL_SECONDS = 0.5
"""How late a signal is handled at most."""


@dataclass
class _JobReport:
    """The report of the thread of a job at its end."""

    stage: str
    job: str
    run: JobRun
    error: BaseException | None = None


class Scheduler:
    """The execution of one run."""

    def __init__(
        self,
        context: RunContext,
        pipeline: Pipeline,
        result: RunResult,
        approver: Approver,
        max_jobs: int,
        save: Callable[[], None],
    ) -> None:
        """Start with the state that ``result`` describes.

        Args:
            context: the context of the run.
            pipeline: the pipeline.
            result: updated during the run; its finished stages do not run again.
            approver: decides about approvals.
            max_jobs: maximum number of parallel jobs.
            save: stores the run; called before the approver is asked, so that the run can be
                resumed even if this process ends meanwhile.
        """
        self._context = context
        self._pipeline = pipeline
        self._result = result
        self._max_jobs = max_jobs
        self._save = save
        self._reports: queue.SimpleQueue[_JobReport | None] = queue.SimpleQueue()
        self._running = 0
        self._cancel_announced = False
        self._graph = RunGraph(context, pipeline, result)
        self._stages = self._graph.stages
        self._approvals = ApprovalRequests(
            context,
            self._graph,
            result,
            approver,
            save=self._save_waiting,
            reject=lambda state: self._skip_stage(state, SkipDecision("Rejected")),
        )

    def run(self) -> Result:
        """Run everything that can run.

        Returns:
            The result of the run; ``Waiting`` if it needs an approval.
        """
        with on_signals(self._cancel):
            waiting = self._loop()
        stages = self._update_result()
        self._result.waiting = self._approvals.missing() if waiting else []
        if waiting:
            return "Waiting"
        results = [stage.result for stage in stages]
        return run_result(results, self._context.cancellation.requested)

    def _update_result(self) -> list[StageResult]:
        """Store the finished stages in the result, and those that wait for a validation."""
        for state in self._stages.values():
            if state.started and not state.done:
                state.result.result = "Waiting"
                jobs = [state.jobs.get(job.name.lower()) for job in state.stage.jobs]
                state.result.jobs = [job for job in jobs if job is not None]
        self._result.stages[:] = [
            state.result for state in self._stages.values() if state.done or state.started
        ]
        return self._result.stages

    def _save_waiting(self) -> None:
        self._update_result()
        self._result.waiting = self._approvals.missing()
        self._save()

    def _cancel(self) -> None:
        if self._approvals.is_prompting:  # ends the prompt
            raise KeyboardInterrupt
        self._context.cancellation.request()
        self._reports.put(None)

    def _loop(self) -> bool:
        """Run until nothing can start; returns whether the run waits for an approval."""
        while True:
            self._announce_cancellation()
            while self._advance():
                continue
            if self._running:
                self._wait_for_job()
            elif self._approvals.request_missing():
                continue
            else:
                return any(not state.done for state in self._stages.values())

    def _next_report(self) -> _JobReport | None:
        """Wait for the end of a job; None after a signal.

        A signal that arrives just before the wait does not end it, and its handler runs only after
        it. So each wait is short.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self._reports.get(timeout=SIGNAL_SECONDS)

    def _wait_for_job(self) -> None:
        report = self._next_report()
        if report is None:
            return
        self._running -= 1
        state = self._stages[report.stage.lower()]
        name = report.job.lower()
        state.running.discard(name)
        state.outputs[name] = dict(report.run.outputs)
        self._finish_job(state, name, report.run.result)
        if report.error is not None:
            self._context.cancellation.force()
            while self._running:
                other = self._next_report()
                if other is not None:
                    self._running -= 1
                    self._finish_job(
                        self._stages[other.stage.lower()], other.job.lower(), other.run.result
                    )
            self._fail_started_stages()
            raise report.error

    def _announce_cancellation(self) -> None:
        if self._context.cancellation.requested and not self._cancel_announced:
            self._cancel_announced = True
            self._context.events.send(CancelRequested())

    def _fail_started_stages(self) -> None:
        """After an internal error, no stage that has started is a success."""
        for state in self._stages.values():
            if state.started and not state.done:
                for job in state.stage.jobs:
                    canceled = JobResult(job.name, job.display, "Canceled")
                    state.jobs.setdefault(job.name.lower(), canceled)
                self._finish_stage(state, "Failed")
        self._update_result()

    # Decisions

    def _advance(self) -> bool:
        """Start or skip what is ready; False if nothing changed."""
        changed = False
        for state in self._stages.values():
            if state.done:
                continue
            changed |= self._advance_jobs(state) if state.started else self._advance_stage(state)
        return changed

    def _advance_stage(self, state: StageState) -> bool:
        stage = state.stage
        if not self._graph.is_ready(state):
            return False
        skip = self._graph.check_stage(stage)
        if skip is not None:
            self._skip_stage(state, skip)
            return True
        if not all(name in state.approved for name in stage.environments):
            return state.done
        state.started = True
        state.result.started = datetime.now(UTC)
        self._context.events.send(StageStarted(stage.name))
        return True

    def _skip_stage(self, state: StageState, skip: SkipDecision) -> None:
        result = "Skipped" if skip.result in ("Failed", "Rejected") else skip.result
        for job in state.stage.jobs:
            state.jobs[job.name.lower()] = skip.job_result(job, result)
        self._finish_stage(state, skip.result)

    def _advance_jobs(self, state: StageState) -> bool:
        changed = False
        for job in state.stage.jobs:
            name = job.name.lower()
            if name in state.jobs or name in state.running:
                continue
            if not all(state.is_done(dependency) for dependency in job.depends_on):
                continue
            # Asked once: the condition and the job must not see different values.
            canceled = self._context.cancellation.requested
            skip = self._graph.check_job(state, job, canceled=canceled)
            if skip is not None:
                self._finish_job(state, name, skip.job_result(job, skip.result))
                changed = True
            elif job.matrix is not None:
                self._expand_matrix(state, job, job.matrix)
                return True
            elif job.validations and not self._approvals.is_validated(state, job):
                continue
            elif self._running < self._max_jobs and not _at_limit(state, job):
                self._start_job(state, job, canceled=canceled)
                changed = True
        if len(state.jobs) == len(state.stage.jobs):
            results = [state.jobs[job.name.lower()].result for job in state.stage.jobs]
            self._finish_stage(state, stage_result(results))
            changed = True
        return changed

    # Start and end of jobs and stages

    def _start_job(self, state: StageState, job: Job, *, canceled: bool) -> None:
        stage = state.stage
        dependencies = self._graph.job_dependencies(state, job)
        variables = self._context.variables.copy()
        run = JobRun(
            self._context, stage, job, variables, dependencies, after_cancellation=canceled
        )
        state.running.add(job.name.lower())
        self._running += 1
        self._context.events.send(JobStarted(stage.name, job.name))

        def run_job() -> None:
            report = _JobReport(stage.name, job.name, run)
            try:
                run.run()
            except BaseException as error:  # noqa: BLE001 - the deciding thread raises it again
                report.error = error
            self._reports.put(report)

        threading.Thread(target=run_job, name=f"{stage.name}.{job.name}", daemon=True).start()

    def _expand_matrix(self, state: StageState, job: Job, matrix: Condition) -> None:
        """Replace a job with ``matrix: $[ ]`` by its copies, or fail it."""
        try:
            copies = self._graph.expand_matrix(state, job, matrix)
        except (ExpressionError, InvalidPipeline) as error:
            result = JobResult(job.name, job.display, "Failed")
            text = error.message if isinstance(error, InvalidPipeline) else str(error)
            result.issues.add("error", error.code, f"{matrix.at}: {text}")
            self._finish_job(state, job.name.lower(), result)
            return
        state.replace_job(job, copies)
        displays = {copy.name: copy.display for copy in copies}
        self._context.events.send(MatrixExpanded(state.stage.name, job.name, displays))

    def _finish_job(self, state: StageState, name: str, result: JobResult) -> None:
        state.jobs[name] = result
        self._context.events.send(JobFinished(state.stage.name, result))

    def _finish_stage(self, state: StageState, result: Result) -> None:
        state.done = True
        state.result.result = result
        state.result.finished = datetime.now(UTC) if state.result.started else None
        state.result.jobs = [state.jobs[job.name.lower()] for job in state.stage.jobs]
        self._context.events.send(StageFinished(state.result))


def _at_limit(state: StageState, job: Job) -> bool:
    """Whether ``maxParallel`` copies of the job are running."""
    running = sum(copy.name.lower() in state.running for copy in state.copies(job.base_name))
    return 0 < job.max_parallel <= running
