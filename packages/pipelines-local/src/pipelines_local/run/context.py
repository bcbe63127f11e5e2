"""The context of a run: what all of its jobs share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines_local import snapshots
from pipelines_local.approvals import Decision
from pipelines_local.artifacts import Artifacts
from pipelines_local.errors import PipelinesError
from pipelines_local.events import EventDispatcher
from pipelines_local.expressions import Context, Status, Value, from_python
from pipelines_local.run import folders, predefined
from pipelines_local.run.cancellation import Cancellation
from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import Variables
from pipelines_local.snapshots import Contents
from pipelines_local.tasks.context import TaskOptions


@dataclass
class RunContext:
    """The state and the services that all jobs of a run share.

    Attributes:
        root: the repository of ``checkout: self``.
        work: the folder of all runs.
        variables: the variables of the pipeline, with evaluated ``$[ ]``.
        pipelines: artifacts of pipeline resources by lower-case alias.
        connections: environment variables of service connections by name.
        environment: environment variables of this process.
        options: options of the run for tasks.
        python_path: folders of the Python environment of the run.
        group_secrets: secrets of variable groups by lower-case name of the group.
        validations: decisions about manual validations by stage and job.
    """

    root: Path
    work: Path
    folder: folders.RunFolder
    definition: str
    started: datetime
    variables: Variables
    masker: Masker
    cancellation: Cancellation
    events: EventDispatcher
    artifacts: Artifacts
    pipelines: Mapping[str, Artifacts]
    connections: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]
    options: TaskOptions = field(default_factory=TaskOptions)
    python_path: list[str] = field(default_factory=list)
    group_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    validations: dict[tuple[str, str], Decision] = field(default_factory=dict)
    build_number: str = ""
    summaries: list[Path] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _snapshot_errors: dict[Path, str] = field(default_factory=dict)

    def create_snapshot(self, repository: str, root: Path, contents: Contents) -> None:
        """Copy a repository once; the step that needs the copy reports a failure."""
        target = self._snapshot_folder(repository, contents)
        if target.exists():
            return
        try:
            snapshots.create_snapshot(root, target, self.work, contents)
        except (PipelinesError, OSError) as error:
            self._snapshot_errors[target] = str(error)

    def snapshot_path(self, repository: str, contents: Contents) -> Path:
        """Return the copy of a repository with its optional contents.

        Raises:
            OSError: there is no copy.
        """
        folder = self._snapshot_folder(repository, contents)
        if folder in self._snapshot_errors or not folder.is_dir():
            message = self._snapshot_errors.get(folder, "the sources of this run were deleted")
            raise OSError(message)
        return folder

    def _snapshot_folder(self, repository: str, contents: Contents) -> Path:
        name = f"{repository.lower()}{contents.suffix}"
        return self.folder.sources if name == "self" else self.folder.repositories / name

    def set_group_secrets(self, variables: Variables, group: str) -> None:
        """Set the secrets of a variable group."""
        for name, value in self.group_secrets[group.lower()].items():
            variables.set(name, value, secret=True)

    def store_summary(self, path: Path) -> bool:
        """Store a summary, masked; False if the file cannot be read."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        with self.lock:
            target = self.folder.summaries / f"{len(self.summaries) + 1:02d}-{path.name}"
            target.write_text(self.masker.mask(text), encoding="utf-8")
            self.summaries.append(target)
        return True

    def next_counter(self, prefix: str, seed: int) -> int:
        """Return the next value of a counter of this pipeline."""
        key = f"counter/{self.definition}/{prefix}"
        return folders.next_number(self.work, key, seed)

    def expression_context(
        self,
        variables: Variables,
        status: Status | None = None,
        names: Mapping[str, Value] | None = None,
    ) -> Context:
        """Return the context of a runtime expression."""
        pipeline: Value = from_python({"startTime": self.started}, ignore_case=True)
        values: dict[str, Value] = {
            "variables": variables.as_object(),
            "pipeline": pipeline,
            "resources": from_python(predefined.repository_values(variables), ignore_case=True),
            **(names or {}),
        }
        return Context(values, status, self.next_counter)
