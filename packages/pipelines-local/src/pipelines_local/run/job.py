"""Runs one job: a workspace of its own, its steps in order, its result."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipelines_local.errors import ExpressionError
from pipelines_local.events import LogLine, StepFinished, StepStarted
from pipelines_local.expressions import Object, evaluate, is_true
from pipelines_local.model import Job, Phase, Stage, Step
from pipelines_local.results import JobResult, Result, StepResult
from pipelines_local.run import predefined, process
from pipelines_local.run.cancel import Cancel
from pipelines_local.run.shared import Shared
from pipelines_local.run.status import StepStatus
from pipelines_local.run.step import Launcher, StepRun, adopt, attempt
from pipelines_local.run.variables import ReadOnly, Variables
from pipelines_local.tasks.context import JobFolders, TaskContext
from pipelines_local.tasks.table import ADAPTERS

RETRY_PAUSE = 1.0


class JobRun:
    """One job from its first step to its last."""

    def __init__(
        self,
        shared: Shared,
        stage: Stage,
        job: Job,
        variables: Variables,
        dependencies: Mapping[str, Object],
    ) -> None:
        self._shared = shared
        self._stage = stage
        self._job = job
        self._variables = variables
        self._dependencies = dependencies
        self._cancel = Cancel(shared.cancel, only_force=shared.cancel.requested)
        self._folders = JobFolders(shared.folder.job(stage.name, job.name))
        self._mark = uuid.uuid4().hex
        self._path: list[str] = []
        self._number = 0
        self._state: Result = "Succeeded"
        self._hook: Result = "Succeeded"
        self._outputs: dict[str, str] = {}
        self._deadline: float | None = None
        self.result = JobResult(job.name, job.display, "Succeeded")

    def run(self) -> JobResult:
        """Run all steps; what they leave running is ended."""
        self.result.started = datetime.now(UTC)
        self._deadline = time.monotonic() + self._job.timeout if self._job.timeout else None
        try:
            self._folders.make()
            if self._prepare():
                self._phases()
        except OSError as error:  # no room, no rights: this job's end, not that of the others
            self.result.issues.error.append(f"{error.strerror}: {error.filename}")
            self._state = "Failed"
        finally:
            if self._number:
                process.end_marked(self._mark)
            self.result.finished = datetime.now(UTC)
        self._finish()
        return self.result

    def _prepare(self) -> bool:
        """The job's variables; a wrong ``$[ ]`` fails the job before its first step."""
        self._predefined()
        names = dict(self._dependencies)
        for variable in (*self._stage.variables, *self._job.variables):
            value = variable.value
            if variable.tree is not None:
                context = self._shared.context(self._variables, names=names)
                try:
                    value = _text(evaluate(variable.tree, context))
                except ExpressionError as error:
                    self.result.issues.error.append(f"{variable.at}: {variable.name}: {error}")
                    self._state = "Failed"
                    return False
            try:
                self._variables.overwrite(variable.name, value, readonly=variable.readonly)
            except ReadOnly:
                self.result.issues.error.append(
                    f"{variable.at}: the variable {variable.name!r} is read-only"
                )
                self._state = "Failed"
                return False
        return True

    def _predefined(self) -> None:
        known = predefined.of_job(self._folders, self._stage, self._job)
        for name, value in known.items():
            self._variables.set(name, value, readonly=True)

    # Steps

    def _phases(self) -> None:
        """A hook that failed ends the row of hooks; ``on`` hooks look at how it went."""
        for phase in self._job.phases:
            for name, value in phase.variables.items():
                self._variables.set(name, value, readonly=True)
            if phase.when == "always":
                if self._state != "Failed" or not phase.name:
                    self._steps(phase)
                continue
            self._hook = self._state
            wanted = "Failed" if phase.when == "failure" else "Succeeded"
            so_far = "Failed" if self._state in ("Failed", "Canceled") else "Succeeded"
            if so_far == wanted:
                # Its steps start as in a job of their own; the result of the deployment stays.
                self._state = "Succeeded"
                self._steps(phase)
                self._state = _worse(self._hook, self._state)

    def _steps(self, phase: Phase) -> None:
        for step in self._with_implicit(phase):
            self._one(step, phase)

    def _with_implicit(self, phase: Phase) -> list[Step]:
        """A job checks out its repository, a deployment downloads the run's artifacts."""
        steps = list(phase.steps)
        if not phase.name:
            if not any(step.task == "checkout" for step in steps):
                inputs = {"repository": "self"}
                steps.insert(0, Step("checkout", "", "Checkout", inputs, self._job.at))
        elif phase.name.split("_")[0] == "deploy":
            given = any(step.task == "DownloadPipelineArtifact@2" and "shortcut" in step.inputs
                        for step in steps)  # fmt: skip
            for source in () if given else ("current", *self._shared.pipelines):
                inputs = {"source": source, "shortcut": "true"}
                display = f"Download {source}"
                new = Step("DownloadPipelineArtifact@2", "", display, inputs, self._job.at)
                steps.insert(0, new)
        return steps

    def _one(self, step: Step, phase: Phase) -> None:
        if not step.enabled:
            return
        if "$(" in step.display:
            step = replace(
                step, display=self._shared.masker.mask(self._variables.expand(step.display))
            )
        self._number += 1
        self._watch_time()
        wanted, problem = self._wanted(step)
        if not wanted and not problem:
            self._done(StepResult(step.name, step.display, "Skipped"), ())
            return
        events, stage, job = self._shared.events, self._stage.name, self._job.name
        number = self._number
        events.send(StepStarted(stage, job, number, step.display))

        def emit(line: str) -> None:
            self.result.log.append(line)
            events.send(LogLine(stage, job, number, line))

        log = self._log_path(step)
        with StepRun(step, log, self._shared.masker, self.result.issues, emit) as run:
            if problem:
                run.fail(problem)
            else:
                self._attempts(step, run)
            adopt(run, self._variables, self._outputs, phase.prefix)
            self._effects(run)
        if run.result.result == "Failed" and step.continue_on_error:
            run.result.result = "SucceededWithIssues"
        self._done(run.result, tuple(run.tail))

    def _watch_time(self) -> None:
        """Once the job's time is over, or the run is cancelled, what is left gets a last period."""
        late = self._deadline is not None and time.monotonic() > self._deadline
        if late and not self._cancel.requested:
            minutes = (self._job.timeout or 0) / 60
            self.result.issues.error.append(
                f"The job ran longer than the maximum time of {minutes:g} minutes."
            )
            self._cancel.request()
        if self._cancel.requested and self._state != "Canceled":
            self._state = "Canceled"
            self._deadline = time.monotonic() + self._job.cancel_timeout

    def _wanted(self, step: Step) -> tuple[bool, str]:
        """Whether a step runs, and what is wrong with its condition."""
        if self._cancel.forced or self._overdue():
            return False, ""
        canceled = self._cancel.requested or self._shared.cancel.requested
        status = StepStatus(self._state, canceled)
        if step.condition is None:
            return status.check("succeeded", ()), ""
        self._variables.set("Agent.JobStatus", self._state, readonly=True)
        try:
            context = self._shared.context(self._variables, status)
            return is_true(evaluate(step.condition.tree, context)), ""
        except ExpressionError as error:
            return False, f"{step.condition.at}: the condition cannot be evaluated: {error}"

    def _overdue(self) -> bool:
        return (
            self._state == "Canceled"
            and self._deadline is not None
            and time.monotonic() > self._deadline
        )

    def _attempts(self, step: Step, run: StepRun) -> None:
        limit = f"{(step.timeout or self._job.timeout or 0) / 60:g} minutes"
        for number in range(step.retries + 1):
            if number:
                run.issue("warning", f"Retrying ({number} of {step.retries})")
                time.sleep(RETRY_PAUSE)
            attempt(run, ADAPTERS[step.task], self._context(step, run), limit)
            if run.result.result != "Failed" or self._cancel.requested:
                break

    def _context(self, step: Step, run: StepRun) -> TaskContext:
        expand = self._variables.expand
        ends = [end for end in (self._deadline,) if end is not None]
        if step.timeout:
            ends.append(time.monotonic() + step.timeout)
        # A step that runs because of a cancellation must not be stopped by it.
        cancel = (
            Cancel(self._cancel, only_force=True) if self._state == "Canceled" else self._cancel
        )
        launcher = Launcher(run, self._environment(step), cancel, min(ends, default=None))
        return TaskContext(
            inputs={name: expand(value) for name, value in step.inputs.items()},
            folders=self._folders,
            log=run.write,
            issue=run.issue,
            process=launcher,
            prepend_path=lambda path: run.effects.path.append(str(path)),
            set_variable=lambda name, value: run.effects.changes.append(
                (name, value, False, False, False)
            ),
            artifacts=self._shared.artifacts,
            pipelines=self._shared.pipelines,
            connections=self._shared.connections,
            snapshot=self._shared.snapshot,
            tests=self._shared.tests.append,
            kept=self._shared.folder.path,
            job=self._job.name,
        )

    def _environment(self, step: Step) -> dict[str, str]:
        self._variables.set("Agent.JobStatus", self._state, readonly=True)
        env = {**self._shared.environment, **self._variables.environment()}
        env["TF_BUILD"] = "True"
        env[process.JOB_MARK] = self._mark
        if self._path:
            env["PATH"] = os.pathsep.join([*self._path, env.get("PATH", os.defpath)])
        for name, value in step.env.items():
            text = self._variables.expand(value)
            if "\0" not in text and name and "=" not in name:
                env[name] = text
        return env

    # Results

    def _effects(self, run: StepRun) -> None:
        for folder in run.effects.path:
            if folder in self._path:
                self._path.remove(folder)
            self._path.insert(0, folder)
        for name in run.effects.summaries:
            self._keep_summary(self._folders.sources / name, run)
        if run.effects.build_number:
            number = run.effects.build_number
            self._shared.build_number = number
            self._variables.set("Build.BuildNumber", number, readonly=True)
            self._shared.variables.set("Build.BuildNumber", number, readonly=True)

    def _keep_summary(self, path: Path, run: StepRun) -> None:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            run.issue("warning", f"there is no summary to upload at {path}")
            return
        with self._shared.lock:
            number = len(self._shared.summaries) + 1
            kept = self._shared.folder.summaries / f"{number:02d}-{path.name}"
            kept.write_text(self._shared.masker.mask(text), encoding="utf-8")
            self._shared.summaries.append(kept)

    def _log_path(self, step: Step) -> Path:
        folder = self._shared.folder.logs / self._stage.name / self._job.name
        folder.mkdir(parents=True, exist_ok=True)
        name = "".join(char if char.isalnum() or char in "-." else "_" for char in step.display)
        return folder / f"{self._number:02d}-{name[:60]}.log"

    def _done(self, result: StepResult, tail: tuple[str, ...]) -> None:
        self.result.steps.append(result)
        if result.result in ("Failed", "SucceededWithIssues"):
            self._state = _worse(self._state, result.result)
        self._watch_time()
        shown = tail if result.result == "Failed" else ()
        event = StepFinished(self._stage.name, self._job.name, self._number, result, shown)
        self._shared.events.send(event)

    def _finish(self) -> None:
        result = self._state
        if result == "Failed" and self._job.continue_on_error:
            result = "SucceededWithIssues"
        self.result.result = result
        mask = self._shared.masker.mask
        self.result.outputs = {name: mask(value) for name, value in self._outputs.items()}

    @property
    def outputs(self) -> Mapping[str, str]:
        """The output variables, not masked: for later jobs."""
        return self._outputs


def _worse(one: Result, other: Result) -> Result:
    order: tuple[Result, ...] = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled")
    return max(one, other, key=order.index)


def _text(value: object) -> str:
    from pipelines_local.expressions import to_text
    from pipelines_local.expressions.values import Unconvertible

    try:
        return to_text(value)  # type: ignore[arg-type]
    except Unconvertible:
        return ""
