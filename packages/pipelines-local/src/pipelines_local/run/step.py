"""Runs one step: its log, the logging commands that it prints, its time limit, its result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pipelines_local.model import Step
from pipelines_local.results import Issues, Result, StepResult
from pipelines_local.run import process
from pipelines_local.run.cancel import Cancel
from pipelines_local.run.commands import Command, command
from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import ReadOnly, Variables
from pipelines_local.tasks.context import TaskContext, TaskFailed

TAIL = 30
_ORDER = ("Succeeded", "SucceededWithIssues", "Failed")
_QUIET = ("task.debug", "task.setprogress", "task.logdetail", "build.addbuildtag")


@dataclass
class Effects:
    """What a step's commands ask of its job; taken over when the step has ended.

    Attributes:
        path: folders to be put first in PATH.
        outputs: values by name, without the step's.
        changes: variables to be set: name, value, secret, read-only, output.
    """

    path: list[str] = field(default_factory=list)
    changes: list[tuple[str, str, bool, bool, bool]] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    build_number: str = ""


class StepRun:
    """One attempt at one step."""

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
        self.effects = Effects()
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._masker = masker
        self._issues = issues
        self._emit = emit
        self._file: IO[str] = log.open("a", encoding="utf-8", errors="replace")
        self._stated: Result | None = None

    def __enter__(self) -> StepRun:
        """The step begins."""
        self.result.started = datetime.now(UTC)
        return self

    def __exit__(self, *_: object) -> None:
        """The step has ended."""
        self.result.finished = datetime.now(UTC)
        self._file.close()

    def write(self, text: str) -> None:
        """A line for the log, or several: what a command says may hold ends of lines."""
        for line in self._masker.mask(text).split("\n"):
            self._file.write(line + "\n")
            self.tail.append(line)
            self._emit(line)

    def issue(self, kind: str, message: str) -> None:
        """An error or a warning: counted, and in the log."""
        self.write(f"##[{kind}]{message}")
        target = self._issues.error if kind == "error" else self._issues.warning
        target.append(self._masker.mask(message))

    def take(self, line: str) -> None:
        """A line of output: a command is followed and not logged, all else is."""
        found = command(line) if "##vso[" in line else None
        if found is None:
            self.write(line)
            return
        # What a command makes secret must not be logged with the command.
        if found.name == "task.setsecret" or found.flag("issecret"):
            self._masker.add(found.text)
        self._follow(found, line)

    def _follow(self, found: Command, line: str) -> None:
        match found.name:
            case "task.setvariable":
                self._set_variable(found)
            case "task.setsecret":
                pass
            case "task.logissue":
                kind = found.properties.get("type", "").lower()
                self.issue("error" if kind == "error" else "warning", found.text)
            case "task.complete":
                self._complete(found)
            case "task.prependpath":
                self.effects.path.append(found.text)
            case "task.uploadsummary":
                self.effects.summaries.append(found.text)
            case "build.updatebuildnumber":
                self.effects.build_number = found.text
            case name if name not in _QUIET:
                self.issue("warning", f"the logging command {name!r} is not supported")
                self.write(line)

    def _set_variable(self, found: Command) -> None:
        name = found.properties.get("variable", "")
        if not name:
            self.fail("##vso[task.setvariable] needs a property 'variable'")
            return
        change = (name, found.text, found.flag("issecret"), found.flag("isreadonly"),
                  found.flag("isoutput"))  # fmt: skip
        self.effects.changes.append(change)

    def _complete(self, found: Command) -> None:
        stated = found.properties.get("result", "Succeeded")
        for result in _ORDER:
            if stated.lower() == result.lower():
                if self._stated is None or _ORDER.index(result) > _ORDER.index(self._stated):
                    self._stated = result  # type: ignore[assignment]
                return
        self.issue("warning", f"##vso[task.complete] does not know the result {stated!r}")

    def fail(self, message: str) -> None:
        """The step has failed, because of ``message``."""
        self.issue("error", message)
        self.result.result = "Failed"

    def settle(self) -> None:
        """What the step said of itself counts, unless it failed anyway."""
        if self.result.result == "Succeeded" and self._stated is not None:
            self.result.result = self._stated


@dataclass
class Launcher:
    """Starts the programs of a step in its environment.

    Attributes:
        deadline: on the monotonic clock, of the step or of the job, whichever is first.
    """

    run: StepRun
    env: Mapping[str, str]
    cancel: Cancel
    deadline: float | None

    def __call__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        *,
        fail_on_stderr: bool = False,
    ) -> int:
        """Run a program; its exit code, 1 when it wrote to a standard error that must be empty."""
        seen = threading.Event()
        whole = {**self.env, **(env or {})}
        code = process.run(
            argv,
            cwd=cwd,
            env=whole,
            line=self.run.take,
            cancel=self.cancel,
            deadline=self.deadline,
            stderr_seen=seen.set if fail_on_stderr else None,
        )
        if code < 0:
            code = 128 - code  # as a shell says it
        if code == 0 and seen.is_set():
            self.run.issue("error", "Bash wrote one or more lines to the standard error stream.")
            return 1
        return code


def attempt(
    run: StepRun, adapter: Callable[[TaskContext], None], context: TaskContext, limit: str
) -> None:
    """Run the task of a step once; whatever happens becomes its result."""
    run.result.result = "Succeeded"
    try:
        adapter(context)
    except TaskFailed as error:
        run.fail(str(error))
    except process.TimedOut:
        run.fail(f"The task took longer than {limit}.")
    except process.Stopped:
        run.result.result = "Canceled"
    except OSError as error:
        run.fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except UnicodeError as error:
        run.fail(f"a name or a text cannot be written: {error}")
    run.result.exit_code = context.exit_code
    run.settle()


def adopt(run: StepRun, variables: Variables, outputs: dict[str, str], prefix: str) -> None:
    """Take over the variables that a step has set."""
    for name, value, secret, readonly, output in run.effects.changes:
        own = f"{run.step.name}.{name}" if output and run.step.name else name
        try:
            variables.overwrite(own, value, secret=secret, readonly=readonly)
        except ReadOnly:
            run.fail(f"the variable {name!r} is read-only and cannot be overwritten")
            continue
        if output:
            outputs[f"{prefix}{own}"] = value
