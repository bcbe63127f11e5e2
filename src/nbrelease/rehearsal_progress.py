"""The progress of a rehearsal: a file in the folder of its run, written while it runs.

JupyterLab shows it. The file is the state: a page that is loaded again, a server that was started
again and a rehearsal that was started in a terminal show the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ValidationError

import pipelines_local
from nbrelease import files
from pipelines_local import events

FILE = "rehearsal.json"
VALIDATION = "validation:"
"""Before ``STAGE.JOB`` of a manual validation that waits."""

State: TypeAlias = Literal["not started", "running", "waiting"] | pipelines_local.Result
"""The state of a stage or a job; a stage waits for its approvals."""


class JobProgress(BaseModel):
    """A job; ``step`` is the display name of the step that runs."""

    name: str
    display: str
    state: State = "not started"
    started: datetime | None = None
    finished: datetime | None = None
    step: str = ""


class Approval(BaseModel):
    """A decision about an environment of a stage."""

    environment: str
    decision: str
    name: str
    comment: str


class StageProgress(BaseModel):
    """A stage with its jobs.

    Attributes:
        waiting: the environments whose approval is missing; ``validation:STAGE.JOB`` for a manual
            validation.
    """

    name: str
    display: str
    state: State = "not started"
    started: datetime | None = None
    finished: datetime | None = None
    waiting: list[str] = []
    approvals: list[Approval] = []
    jobs: list[JobProgress] = []


class RehearsalProgress(BaseModel):
    """A rehearsal.

    Attributes:
        pipeline: a key of :data:`.rehearsal.PIPELINES`.
        model: the section of settings.ini; empty for the model of ``[DEFAULT]``.
        run: the id of the run, for resuming.
        name: the build number.
        pid: of its last process.
        resumed: when its last process started; the first one or one after an approval.
        result: the result of the run; empty until it ends or waits. A run that was killed has no
            result in its file: a reader that knows that it does not run says ``Interrupted``.
        verdict: the verdict of its release; empty until it has one.
        messages: the errors of a run that failed, one line each.
        page: the evidence page, or the page to review for an approval.
    """

    pipeline: str
    model: str
    run: str = ""
    name: str = ""
    pid: int = 0
    started: datetime
    resumed: datetime
    finished: datetime | None = None
    result: pipelines_local.Result | Literal["", "Interrupted"] = ""
    verdict: str = ""
    messages: list[str] = []
    page: str = ""
    stages: list[StageProgress] = []


class ProgressFile:
    """A listener that writes the progress and passes each event on."""

    def __init__(self, listener: pipelines_local.Listener, pipeline: str, model: str) -> None:
        """Start without a run.

        Args:
            listener: gets each event.
            pipeline: a key of :data:`.rehearsal.PIPELINES`.
            model: the section of settings.ini; empty for the model of ``[DEFAULT]``.
        """
        self._listener = listener
        now = datetime.now(UTC)
        self._progress = RehearsalProgress(
            pipeline=pipeline, model=model, pid=os.getpid(), started=now, resumed=now
        )
        self._folder: Path | None = None

    def handle(self, event: events.Event) -> None:
        """Update the file, then pass the event on."""
        match event:
            case events.LogLine():
                pass
            case events.RunStarted():
                self._start(event)
            case _ if self._update(event):
                self._write()
        self._listener.handle(event)

    def finish(
        self,
        result: pipelines_local.Result,
        verdict: str,
        messages: Iterable[str],
        page: Path | None,
    ) -> None:
        """Write the result of the run, the verdict, the errors and the page to read."""
        progress = self._progress
        progress.result, progress.verdict = result, verdict
        progress.messages, progress.page = list(messages), str(page or "")
        progress.finished = datetime.now(UTC)
        self._write()

    def _start(self, event: events.RunStarted) -> None:
        """Start with the stages of the pipeline, or with those of the run that is resumed."""
        self._folder = event.folder
        earlier = read_progress(event.folder)
        if earlier is not None:
            self._progress = earlier.model_copy(
                update={"resumed": self._progress.resumed, "pid": self._progress.pid}
            )
        progress = self._progress
        progress.run, progress.name = event.run, event.name
        progress.finished, progress.result, progress.messages = None, "", []
        if not progress.stages:
            progress.stages = [
                StageProgress(
                    name=stage,
                    display=event.displays.get(stage, stage),
                    jobs=[_new_job(job, event.displays.get(f"{stage}.{job}", job)) for job in jobs],
                )
                for stage, jobs in event.plan.items()
            ]
        for stage in progress.stages:
            stage.waiting = []
            if stage.state == "waiting":
                stage.state = "running" if stage.started else "not started"
        self._write()

    def _update(self, event: events.Event) -> bool:
        """Change the progress; False if the event is not shown."""
        match event:
            case events.StageStarted():
                stage = self._stage(event.stage)
                stage.state, stage.started = "running", datetime.now(UTC)
            case events.StageFinished(stage=result):
                stage = self._stage(result.stage)
                stage.state, stage.waiting = result.result, []
                stage.started, stage.finished = result.started, result.finished
                for job_result in result.jobs:
                    self._job(result.stage, job_result.job).state = job_result.result
            case events.MatrixExpanded():
                stage = self._stage(event.stage)
                names = [each.name for each in stage.jobs]
                if event.job in names:  # a resumed run replaces it again
                    at = names.index(event.job)
                    stage.jobs[at : at + 1] = [_new_job(*each) for each in event.displays.items()]
            case events.JobStarted():
                job = self._job(event.stage, event.job)
                job.state, job.started, job.finished = "running", datetime.now(UTC), None
            case events.JobFinished(job=job_result):
                job = self._job(event.stage, job_result.job)
                job.state, job.step = job_result.result, ""
                job.finished = datetime.now(UTC) if job.started else None
            case events.StepStarted():
                self._job(event.stage, event.job).step = event.display
            case events.ApprovalRequested():
                stage = self._stage(event.stage)
                stage.state = "waiting"
                name = _waiting_name(event.environment, event.kind)
                if name not in stage.waiting:
                    stage.waiting.append(name)
            case events.ApprovalDecided(approval=record):
                stage = self._stage(record.stage)
                name = _waiting_name(record.environment, event.kind)
                stage.waiting = [each for each in stage.waiting if each != name]
                stage.approvals.append(Approval.model_validate(record, from_attributes=True))
            case _:
                return False
        return True

    def _stage(self, name: str) -> StageProgress:
        return next(each for each in self._progress.stages if each.name == name)

    def _job(self, stage: str, name: str) -> JobProgress:
        return next(each for each in self._stage(stage).jobs if each.name == name)

    def _write(self) -> None:
        if self._folder is not None:
            files.write_text(self._folder / FILE, self._progress.model_dump_json(indent=1))


def read_progress(folder: Path) -> RehearsalProgress | None:
    """The progress of a run; None if the run is no rehearsal, or of another version."""
    try:
        return RehearsalProgress.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def _waiting_name(environment: str, kind: str) -> str:
    return f"{VALIDATION}{environment}" if kind == "validation" else environment


def _new_job(name: str, display: str) -> JobProgress:
    return JobProgress(name=name, display=display or name)
