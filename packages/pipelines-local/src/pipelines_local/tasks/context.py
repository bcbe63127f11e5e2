"""What a task gets to work with, and what it can answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipelines_local.run.artifacts import Artifacts


class TaskFailed(Exception):
    """The task's result is Failed; the message becomes an error of the step."""


@dataclass
class JobFolders:
    """The folders of a job."""

    workspace: Path

    def __post_init__(self) -> None:
        self.sources = self.workspace / "s"
        self.staging = self.workspace / "a"
        self.binaries = self.workspace / "b"
        self.tests = self.workspace / "TestResults"
        self.temp = self.workspace / "_temp"
        self.tools = self.workspace / "_tool"

    def make(self) -> None:
        """Make all of them, empty: a job that was killed may have left its own."""
        if self.workspace.exists():
            shutil.rmtree(self.workspace)
        for path in (self.sources, self.staging, self.binaries, self.tests, self.temp):
            path.mkdir(parents=True, exist_ok=True)


class RunProcess(Protocol):
    """Starts a program in the step's environment."""

    def __call__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        *,
        fail_on_stderr: bool = False,
    ) -> int:
        """Run it; its exit code."""


@dataclass
class TaskContext:
    """One step, as a task sees it.

    Attributes:
        inputs: by lower-case name, macros expanded.
        folders: of the job.
        log: takes a line for the step's log.
        issue: takes a kind (error, warning) and a message.
        process: runs a program.
        prepend_path: puts a folder first in the PATH of later steps.
        set_variable: sets a variable of the job.
        artifacts: of this run.
        pipelines: artifacts of other pipelines, by lower-case alias.
        connections: environments of service connections.
        snapshot: what ``checkout: self`` gives.
        tests: takes a summary of test results.
        kept: a folder of the run for what is to stay.
    """

    inputs: Mapping[str, str]
    folders: JobFolders
    log: Callable[[str], None]
    issue: Callable[[str, str], None]
    process: RunProcess
    prepend_path: Callable[[Path], None]
    set_variable: Callable[[str, str], None]
    artifacts: Artifacts
    pipelines: Mapping[str, Artifacts]
    connections: Mapping[str, Mapping[str, str]]
    snapshot: Callable[[], Path]
    tests: Callable[[dict[str, Any]], None]
    kept: Path
    job: str = ""
    exit_code: int | None = field(default=None)

    def text(self, name: str, default: str = "") -> str:
        """An input."""
        return self.inputs.get(name) or default

    def flag(self, name: str, default: bool = False) -> bool:
        """An input that is true or false."""
        return self.text(name, str(default)).strip().lower() == "true"

    def path(self, name: str, default: Path) -> Path:
        """An input that is a path; relative ones count from the sources."""
        value = self.text(name)
        return self.folders.sources / value if value else default
