"""Run one step: its log, its logging commands, its timeout, its result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from pipelines_local.model import Step
from pipelines_local.results import Issues, Result, StepResult
from pipelines_local.run import process
from pipelines_local.run.cancellation import Cancellation
from pipelines_local.run.logging_commands import LoggingCommand, parse_command
from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import ReadOnlyError, Variables
from pipelines_local.tasks.context import TaskContext, TaskFailed

TAIL = 30
_ORDER: tuple[Result, ...] = ("Succeeded", "SucceededWithIssues", "Failed")
_IGNORED = ("task.debug", "task.setprogress", "task.logdetail", "build.addbuildtag")


@dataclass(frozen=True)
class VariableChange:
    """A variable that a step sets."""

    name: str
    value: str
    secret: bool = False
    readonly: bool = False
    output: bool = False


@dataclass
class StepEffects:
    """Changes to the job that a step requests; applied at the end of the step.

    Attributes:
        path: folders to put first in PATH.
    """

    path: list[str] = field(default_factory=list)
    changes: list[VariableChange] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    build_number: str = ""


class StepRun:
    """The execution of one step, with its retries."""

    def __init__(
        self,
        step: Step,
        log: Path,
        masker: Masker,
        issues: Issues,
        emit: Callable[[str], None],
    ) -> None:
        self.step = step
        self.result = StepResult(step.name, step.display, "Succeeded", log=log)
        self.effects = StepEffects()
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._masker = masker
        self._issues = issues
        self._emit = emit
        self._file: IO[str] = log.open("a", encoding="utf-8", errors="replace")
        self._reported: Result | None = None

    def __enter__(self) -> StepRun:
        """Start the step."""
        self.result.started = datetime.now(UTC)
        return self

    def __exit__(self, *_: object) -> None:
        """End the step."""
        self.result.finished = datetime.now(UTC)
        self._file.close()

    def write(self, text: str) -> None:
        """Write to the log; the text can have several lines."""
        for line in self._masker.mask(text).split("\n"):
            self._file.write(line + "\n")
            self.tail.append(line)
            self._emit(line)

    def add_issue(self, kind: Literal["error", "warning"], code: str, message: str) -> None:
        """Log and count an error or a warning."""
        self.write(f"##[{kind}]{message}")
        self._issues.add(kind, code, self._masker.mask(message))

    def handle_output(self, line: str) -> None:
        """Process a line of output: execute a logging command, log everything else."""
        command = parse_command(line) if "##vso[" in line else None
        if command is None:
            self.write(line)
            return
        # The command itself may be logged, so its secret must be known before.
        if command.name == "task.setsecret" or command.flag("issecret"):
            self._masker.add(command.text)
        self._execute(command, line)

    def _execute(self, command: LoggingCommand, line: str) -> None:
        match command.name:
            case "task.setvariable":
                self._set_variable(command)
            case "task.setsecret":
                pass
            case "task.logissue":
                is_error = command.properties.get("type", "").lower() == "error"
                code = command.properties.get("code", "")
                self.add_issue("error" if is_error else "warning", code, command.text)
            case "task.complete":
                self._report_result(command)
            case "task.prependpath":
                self.effects.path.append(command.text)
            case "task.uploadsummary":
                self.effects.summaries.append(command.text)
            case "build.updatebuildnumber":
                self.effects.build_number = command.text
            case name if name not in _IGNORED:
                message = f"the logging command {name!r} is not supported"
                self.add_issue("warning", "unsupported-command", message)
                self.write(line)

    def _set_variable(self, command: LoggingCommand) -> None:
        name = command.properties.get("variable", "")
        if not name:
            self.fail("command-property", "##vso[task.setvariable] needs a property 'variable'")
            return
        change = VariableChange(
            name,
            command.text,
            secret=command.flag("issecret"),
            readonly=command.flag("isreadonly"),
            output=command.flag("isoutput"),
        )
        if change.output and not self.step.name:
            # Azure invents a name such as Bash1, which no pipeline should rely on.
            message = f"the output variable {name!r} is not set: its step needs a 'name'"
            self.add_issue("warning", "output-without-name", message)
            return
        self.effects.changes.append(change)

    def _report_result(self, command: LoggingCommand) -> None:
        text = command.properties.get("result", "Succeeded")
        for result in _ORDER:
            if text.lower() == result.lower():
                if self._reported is None or _ORDER.index(result) > _ORDER.index(self._reported):
                    self._reported = result
                return
        self.add_issue(
            "warning", "command-property", f"##vso[task.complete]: unknown result {text!r}"
        )

    def fail(self, code: str, message: str) -> None:
        """Set the result to Failed."""
        self.add_issue("error", code, message)
        self.result.result = "Failed"

    def apply_reported_result(self) -> None:
        """Use the result of ``task.complete`` unless the step failed anyway."""
        if self.result.result == "Succeeded" and self._reported is not None:
            self.result.result = self._reported


@dataclass
class ProcessRunner:
    """Runs the processes of a step in its environment.

    Attributes:
        deadline: seconds of the monotonic clock, of the step or the job, whichever is first.
    """

    run: StepRun
    env: Mapping[str, str]
    cancellation: Cancellation
    deadline: float | None

    def __call__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        *,
        fail_on_stderr: bool = False,
    ) -> int:
        """Run a process; returns its exit code, or 1 for forbidden output on standard error."""
        wrote_stderr = threading.Event()
        code = process.run(
            argv,
            cwd=cwd,
            env={**self.env, **(env or {})},
            on_line=self.run.handle_output,
            cancellation=self.cancellation,
            deadline=self.deadline,
            on_stderr=wrote_stderr.set if fail_on_stderr else None,
        )
        if code < 0:
            code = 128 - code  # the exit code of a shell for a signal
        if code == 0 and wrote_stderr.is_set():
            message = "Bash wrote one or more lines to the standard error stream."
            self.run.add_issue("error", "stderr", message)
            return 1
        return code


def run_task(
    run: StepRun, adapter: Callable[[TaskContext], None], context: TaskContext, timeout: str
) -> None:
    """Run the task of a step once and set its result."""
    run.result.result = "Succeeded"
    try:
        adapter(context)
    except TaskFailed as error:
        run.fail(error.code, str(error))
    except process.TimedOut:
        run.fail("timeout", f"The task took longer than {timeout}.")
    except process.Stopped:
        run.result.result = "Canceled"
    except OSError as error:
        run.fail("os-error", f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except UnicodeError as error:
        run.fail("encoding", f"a name or a text cannot be encoded: {error}")
    run.result.exit_code = context.exit_code
    run.apply_reported_result()


def apply_changes(run: StepRun, variables: Variables, outputs: dict[str, str], prefix: str) -> None:
    """Set the variables that a step requested; only the step itself can set its outputs again."""
    for change in run.effects.changes:
        step = run.step.name
        try:
            if change.output:
                variables.set_output(step, change.name, change.value, secret=change.secret)
            else:
                variables.overwrite(
                    change.name, change.value, secret=change.secret, readonly=change.readonly
                )
        except ReadOnlyError:
            message = f"the variable {change.name!r} is read-only and cannot be overwritten"
            run.fail("readonly-variable", message)
            continue
        if change.output:
            outputs[f"{prefix}{step}.{change.name}"] = change.value
