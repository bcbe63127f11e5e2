"""Run one job: a workspace of its own, its steps in order, its result.

Each lifecycle hook of a deployment job is an agent job on Azure. So it starts with an empty
workspace and the variables of the job; files and variables of earlier hooks are gone. Source:
https://learn.microsoft.com/azure/devops/pipelines/process/deployment-jobs
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipelines_local.disk_space import describe, is_disk_full
from pipelines_local.errors import ExpressionError
from pipelines_local.events import LogLine, StepFinished, StepStarted
from pipelines_local.expressions import Object, evaluate, is_true
from pipelines_local.model import Job, Phase, Stage, Step
from pipelines_local.results import GOOD, JobResult, Result, StepResult
from pipelines_local.run import predefined, process
from pipelines_local.run.cancellation import Cancellation
from pipelines_local.run.context import RunContext
from pipelines_local.run.implicit_steps import add_implicit_steps
from pipelines_local.run.job_variables import (
    InvalidVariable,
    set_job_variables,
    set_login_variables,
)
from pipelines_local.run.status import StepStatus, worse_result
from pipelines_local.run.step import (
    ProcessRunner,
    StepRun,
    VariableChange,
    apply_changes,
    run_task,
)
from pipelines_local.run.variables import Variables
from pipelines_local.tasks.adapters import ADAPTERS
from pipelines_local.tasks.context import JobFolders, JobState, TaskContext
from pipelines_local.tasks.federated_login import JobLogin

RETRY_PAUSE = 1.0


class JobRun:
    """The execution of one job."""

    def __init__(
        self,
        context: RunContext,
        stage: Stage,
        job: Job,
        variables: Variables,
        dependencies: Mapping[str, Object],
        *,
        after_cancellation: bool,
    ) -> None:
        """Prepare it.

        Args:
            context: of the run.
            stage: of the job.
            job: the job.
            variables: of the run, an own copy.
            dependencies: the values of ``dependencies`` and ``stageDependencies``.
            after_cancellation: whether the run was cancelled before its condition was evaluated.
        """
        self._context = context
        self._stage = stage
        self._job = job
        self._variables = variables
        self._initial_variables = variables
        self._dependencies = dependencies
        self._after_cancellation = after_cancellation
        self._cancellation = Cancellation(context.cancellation, only_force=after_cancellation)
        self._folders = self._phase_folders(job.phases[0])
        self._mark = uuid.uuid4().hex
        self._job_state = JobState()
        self._login: JobLogin | None = None
        self._path: list[str] = []
        self._checkouts = 0
        self._number = 0
        self._state: Result = "Succeeded"
        self._outputs: dict[str, str] = {}
        self._deadline: float | None = None
        self.result = JobResult(job.name, job.display, "Succeeded")

    def run(self) -> JobResult:
        """Run all steps."""
        self.result.started = datetime.now(UTC)
        self._deadline = time.monotonic() + self._job.timeout if self._job.timeout else None
        try:
            if self._set_variables():
                self._run_phases()
        except OSError as error:  # disk full, no permission: fails only this job
            place = Path(error.filename or self._folders.workspace)
            full = is_disk_full(error)
            message = describe(place) if full else f"{error.strerror}: {error.filename}"
            self._fail("disk-full" if full else "os-error", message)
        except BaseException as error:  # the caller reports it as an internal error
            text = f"{type(error).__name__}: {error}"
            self._fail("internal-error", self._context.masker.mask(text))
            raise
        finally:
            self.result.finished = datetime.now(UTC)
            self._set_result()
        return self.result

    def _fail(self, code: str, message: str) -> None:
        self.result.issues.add("error", code, message)
        self._state = "Failed"

    def _set_variables(self) -> bool:
        """Set the variables of the job; False if one of them is not valid."""
        context, stage, job = self._context, self._stage, self._job
        try:
            set_job_variables(
                self._initial_variables, context, stage, job, self._folders, self._dependencies
            )
        except InvalidVariable as error:
            self._fail(error.code, str(error))
            return False
        self._login = set_login_variables(self._initial_variables, context, stage, job)
        return True

    # Steps

    def _run_phases(self) -> None:
        """Run the hooks; a failed hook stops the sequence, ``on`` hooks depend on the result."""
        for phase in self._job.phases:
            before = self._state
            failed = before in ("Failed", "Canceled")
            if phase.when == "always":
                is_next = before != "Failed"
            else:
                is_next = failed == (phase.when == "failure")
            if is_next:
                # The steps of a hook start with a new state; the result of the deployment stays.
                if phase.when != "always" or not failed:
                    self._state = "Succeeded"
                self._run_steps(phase)
                self._state = worse_result(before, self._state)

    def _run_steps(self, phase: Phase) -> None:
        """Run the steps of a plain job or a hook, then kill the processes that they left."""
        self._start_phase(phase)
        first = self._number
        try:
            for step in add_implicit_steps(self._job, phase, self._context.pipelines):
                self._run_step(step, phase)
            for action in self._job_state.at_success if self._state in GOOD else ():
                action()
        finally:
            if self._number > first:
                process.kill_job_processes(self._mark)
            # As the agent: it has scripts with the values of secrets.
            shutil.rmtree(self._folders.temp, ignore_errors=True)

    def _start_phase(self, phase: Phase) -> None:
        """Start with empty folders and the variables of the job."""
        self._job_state = JobState()
        self._path = []
        self._checkouts = sum(step.checks_out for step in phase.steps)
        self._folders = self._phase_folders(phase)
        self._folders.create()
        self._variables = self._initial_variables.copy()
        self._set_folder_variables()
        for name, value in phase.variables.items():
            self._variables.set(name, value, readonly=True)
        # An earlier hook can have changed it.
        self._variables.set("Build.BuildNumber", self._context.build_number, readonly=True)

    def _set_folder_variables(self) -> None:
        for name, value in predefined.folder_variables(self._folders).items():
            self._variables.set(name, value, readonly=True)

    def _phase_folders(self, phase: Phase) -> JobFolders:
        hook = phase.name if len(self._job.phases) > 1 else ""
        return JobFolders(self._context.folder.workspace(self._stage.name, self._job.name, hook))

    def _run_step(self, step: Step, phase: Phase) -> None:
        if not step.enabled:
            return
        if "$(" in step.display:
            display = self._context.masker.mask(self._variables.expand(step.display))
            step = replace(step, display=display)
        self._number += 1
        self._check_timeout()
        is_met, problem = self._check_condition(step)
        if not is_met and not problem:
            self._add_step_result(StepResult(step.name, step.display, "Skipped"), ())
            return
        events, stage, job = self._context.events, self._stage.name, self._job.name
        number = self._number
        events.send(StepStarted(stage, job, number, step.display))

        def emit(line: str) -> None:
            self.result.log.append(line)
            events.send(LogLine(stage, job, number, line))

        log = self._context.folder.log_path(stage, job, number, step.display)
        with StepRun(step, log, self._context.masker, self.result.issues, emit) as run:
            try:
                if problem:
                    run.fail("condition", problem)
                else:
                    self._run_attempts(step, run)
            except BaseException:
                run.result.result = "Failed"
                self._add_step_result(run.result, tuple(run.tail))
                raise
            apply_changes(run, self._variables, self._outputs, phase.prefix)
            self._set_folder_variables()  # a checkout can have changed them
            self._apply_effects(run)
        if run.result.result == "Failed" and step.continue_on_error:
            run.result.result = "SucceededWithIssues"
        self._add_step_result(run.result, tuple(run.tail))

    def _check_timeout(self) -> None:
        """After a timeout or a cancellation, the remaining steps get the cancel timeout."""
        late = self._deadline is not None and time.monotonic() > self._deadline
        if late and not self._cancellation.requested:
            minutes = (self._job.timeout or 0) / 60
            message = f"The job ran longer than the maximum time of {minutes:g} minutes."
            self.result.issues.add("error", "job-timeout", message)
            self._cancellation.request()
        if self._cancellation.requested and self._state != "Canceled":
            self._state = "Canceled"
            self._deadline = time.monotonic() + self._job.cancel_timeout

    def _check_condition(self, step: Step) -> tuple[bool, str]:
        """Return whether a step runs, and the error of its condition."""
        if self._cancellation.forced or self._exceeded_cancel_timeout():
            return False, ""
        status = StepStatus(self._state, self._state == "Canceled" or self._after_cancellation)
        if step.condition is None:
            return status.check("succeeded", ()), ""
        self._variables.set("Agent.JobStatus", self._state, readonly=True)
        try:
            context = self._context.expression_context(self._variables, status)
            return is_true(evaluate(step.condition.tree, context)), ""
        except ExpressionError as error:
            return False, f"{step.condition.at}: the condition cannot be evaluated: {error}"

    def _exceeded_cancel_timeout(self) -> bool:
        return (
            self._state == "Canceled"
            and self._deadline is not None
            and time.monotonic() > self._deadline
        )

    def _run_attempts(self, step: Step, run: StepRun) -> None:
        timeout = f"{(step.timeout or self._job.timeout or 0) / 60:g} minutes"
        for number in range(step.retries + 1):
            if number:
                run.add_issue("warning", "retry", f"Retrying ({number} of {step.retries})")
                time.sleep(RETRY_PAUSE)
            run_task(run, ADAPTERS[step.task], self._task_context(step, run), timeout)
            if run.result.result != "Failed" or self._cancellation.requested:
                break

    def _task_context(self, step: Step, run: StepRun) -> TaskContext:
        expand = self._variables.expand
        deadlines = [self._deadline] if self._deadline is not None else []
        if step.timeout:
            deadlines.append(time.monotonic() + step.timeout)
        # A step that runs because of a cancellation must not be stopped by it.
        cancellation = self._cancellation
        if self._state == "Canceled":
            cancellation = Cancellation(cancellation, only_force=True)
        deadline = min(deadlines, default=None)
        environment = self._environment(step)
        return TaskContext(
            inputs={name: expand(value) for name, value in step.inputs.items()},
            folders=self._folders,
            log=run.write,
            add_issue=run.add_issue,
            environment=environment,
            run_process=ProcessRunner(run, environment, cancellation, deadline),
            prepend_path=lambda path: run.effects.path.append(str(path)),
            set_variable=lambda name, value: run.effects.changes.append(
                VariableChange(name, value)
            ),
            set_output=lambda name, value: run.effects.changes.extend(
                [VariableChange(name, value, output=True)] if step.name else []
            ),
            artifacts=self._context.artifacts,
            pipelines=self._context.pipelines,
            connections=self._context.connections,
            snapshot=self._context.snapshot_path,
            contents=step.contents,
            repository_name=self._context.root.name,
            checkouts=self._checkouts,
            add_tests=self._context.tests.append,
            run_folder=self._context.folder.path,
            cache_folder=self._context.work / "cache",
            options=self._context.options,
            job_state=self._job_state,
            display=step.display,
            job=self._job.base_name,
            validation=self._context.validations.get((self._stage.name, self._job.name)),
            recent_output=run.tail,
        )

    def _environment(self, step: Step) -> dict[str, str]:
        self._variables.set("Agent.JobStatus", self._state, readonly=True)
        env = {**self._context.environment, **self._variables.environment()}
        env["TF_BUILD"] = "True"
        env[process.JOB_MARK] = self._mark
        if self._login is not None:
            env["AZURE_AUTHORITY_HOST"] = self._login.authority
        path = list(self._path)
        if not self._context.options.host_python:
            path += self._context.python_path
            env["PIP_REQUIRE_VIRTUALENV"] = "true"
            env.pop("VIRTUAL_ENV", None)
        env["PATH"] = os.pathsep.join([*path, env.get("PATH", os.defpath)])
        for name, value in step.env.items():
            text = self._variables.expand(value)
            if "\0" not in text and name and "=" not in name:
                env[name] = text
        return env

    # Results

    def _apply_effects(self, run: StepRun) -> None:
        for folder in run.effects.path:
            if folder in self._path:
                self._path.remove(folder)
            self._path.insert(0, folder)
        for name in run.effects.summaries:
            path = self._folders.sources / name
            if not self._context.store_summary(path):
                run.add_issue("warning", "missing-summary", f"no summary file {path}")
        if run.effects.build_number:
            number = run.effects.build_number
            self._context.build_number = number
            self._variables.set("Build.BuildNumber", number, readonly=True)
            self._context.variables.set("Build.BuildNumber", number, readonly=True)

    def _add_step_result(self, result: StepResult, tail: tuple[str, ...]) -> None:
        self.result.steps.append(result)
        if result.result in ("Failed", "SucceededWithIssues"):
            self._state = worse_result(self._state, result.result)
        self._check_timeout()
        lines = tail if result.result == "Failed" else ()
        event = StepFinished(self._stage.name, self._job.name, self._number, result, lines)
        self._context.events.send(event)

    def _set_result(self) -> None:
        result = self._state
        is_bug = "internal-error" in self.result.issues.codes
        if result == "Failed" and self._job.continue_on_error and not is_bug:
            result = "SucceededWithIssues"
        self.result.result = result
        mask = self._context.masker.mask
        self.result.outputs = {name: mask(value) for name, value in self._outputs.items()}

    @property
    def outputs(self) -> Mapping[str, str]:
        """The output variables for later jobs, not masked."""
        return self._outputs
