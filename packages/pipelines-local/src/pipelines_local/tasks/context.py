"""The context of a task: its inputs, the folders of its job, and what it can change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pipelines_local.approvals import Decision
from pipelines_local.artifacts import Artifacts
from pipelines_local.snapshots import Contents
from pipelines_local.tasks.federated_login import ID_TOKEN_SECONDS


class TaskFailed(Exception):
    """The task failed; code and message become an error of the step."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class JobFolders:
    """The folders of a job.

    Attributes:
        workspace: has all others.
        sources: of the only checkout of a job; the working directory of its steps.
        repository: of the repository of the pipeline.
    """

    workspace: Path

    def __post_init__(self) -> None:
        self.sources = self.repository = self.workspace / "s"
        self.staging = self.workspace / "a"
        self.binaries = self.workspace / "b"
        self.tests = self.workspace / "TestResults"
        self.temp = self.workspace / "_temp"
        self.tools = self.workspace / "_tool"

    def create(self) -> None:
        """Create all folders empty; an interrupted attempt can have left files."""
        if self.workspace.exists():
            shutil.rmtree(self.workspace)
        for path in (self.sources, self.staging, self.binaries, self.tests, self.temp):
            path.mkdir(parents=True, exist_ok=True)


class RunProcess(Protocol):
    """Runs a process in the environment of the step."""

    def __call__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str] | None = None,
        *,
        fail_on_stderr: bool = False,
    ) -> int:
        """Return the exit code."""


class AddIssue(Protocol):
    """Logs and counts an error or a warning."""

    def __call__(self, kind: Literal["error", "warning"], code: str, message: str) -> None:
        """Add the issue."""


@dataclass(frozen=True)
class TaskOptions:
    """Options of a run that change the behavior of tasks.

    Attributes:
        shared_az_config: whether the AzureCLI steps of a job share AZURE_CONFIG_DIR, as before
            version 2.277 of the task.
        host_python: whether steps use the Python of this machine, not an environment of the run.
        id_token_seconds: lifetime of the ID token of an AzureCLI step in a local workspace; 0 for
            no limit.
    """

    shared_az_config: bool = False
    host_python: bool = False
    id_token_seconds: float = ID_TOKEN_SECONDS


@dataclass
class JobState:
    """State that the steps of a job share.

    Attributes:
        lost_az_defaults: the steps whose ``az configure`` does not reach later steps.
        at_success: called at the end of the job if it succeeded.
    """

    lost_az_defaults: list[str] = field(default_factory=list)
    at_success: list[Callable[[], None]] = field(default_factory=list)


@dataclass
class TaskContext:
    """The context of one step.

    Attributes:
        inputs: by lower-case name, with expanded macros.
        folders: folders of the job.
        log: writes a line to the log.
        add_issue: adds an error or a warning.
        environment: environment variables of the step.
        run_process: runs a process in this environment.
        prepend_path: puts a folder first in the PATH of later steps.
        set_variable: sets a variable of the job.
        set_output: sets an output variable, if the step has a name.
        artifacts: artifacts of this run.
        pipelines: artifacts of pipeline resources by lower-case alias.
        connections: environment variables of service connections.
        snapshot: returns the copy of a repository by name and contents.
        contents: the optional contents of a checkout step.
        checkouts: number of checkouts of the job, or of the hook of a deployment job.
        repository_name: name of the repository of the pipeline.
        add_tests: adds the counts of published test results.
        run_folder: folder of the run, for files to keep.
        cache_folder: folder of the caches of all runs.
        options: options of the run.
        job_state: state that the steps of the job share.
        display: display name of the step.
        job: name of the job.
        validation: the decision about a manual validation.
        recent_output: the last lines of the log of the step.
    """

    inputs: Mapping[str, str]
    folders: JobFolders
    log: Callable[[str], None]
    add_issue: AddIssue
    environment: Mapping[str, str]
    run_process: RunProcess
    prepend_path: Callable[[Path], None]
    set_variable: Callable[[str, str], None]
    set_output: Callable[[str, str], None]
    artifacts: Artifacts
    pipelines: Mapping[str, Artifacts]
    connections: Mapping[str, Mapping[str, str]]
    snapshot: Callable[[str, Contents], Path]
    contents: Contents
    checkouts: int
    repository_name: str
    add_tests: Callable[[dict[str, Any]], None]
    run_folder: Path
    cache_folder: Path
    options: TaskOptions
    job_state: JobState
    display: str = ""
    job: str = ""
    validation: Decision | None = None
    recent_output: Iterable[str] = ()
    exit_code: int | None = field(default=None)

    def text(self, name: str, default: str = "") -> str:
        """Return an input."""
        return self.inputs.get(name) or default

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean input."""
        return self.text(name, str(default)).strip().lower() == "true"

    def path(self, name: str, default: Path) -> Path:
        """Return an input that is a path; relative to the sources."""
        value = self.text(name)
        return self.folders.sources / value if value else default
