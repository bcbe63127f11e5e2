"""What all jobs of a run have in common."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines_local.errors import PipelinesError
from pipelines_local.events import Dispatcher
from pipelines_local.expressions import Context, Status, Value, of_python
from pipelines_local.run import folders, predefined, sources
from pipelines_local.run.artifacts import Artifacts
from pipelines_local.run.cancel import Cancel
from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import Variables


@dataclass
class Shared:
    """The surroundings of every job.

    Attributes:
        root: the repository that ``checkout: self`` gives.
        work: the folder of all runs.
        variables: of the whole pipeline, ``$[ ]`` worked out.
        pipelines: artifacts of other pipelines by lower-case alias.
        connections: environments of service connections by name.
        environment: that of the runner.
    """

    root: Path
    work: Path
    folder: folders.RunFolder
    definition: str
    started: datetime
    variables: Variables
    masker: Masker
    cancel: Cancel
    events: Dispatcher
    artifacts: Artifacts
    pipelines: Mapping[str, Artifacts]
    connections: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]
    build_number: str = ""
    summaries: list[Path] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _snapshot_error: str = ""

    def take_snapshot(self) -> None:
        """Copy the repository, once; a failure is told by the step that needs it."""
        if self.folder.sources.exists():
            return
        try:
            sources.snapshot(self.root, self.folder.sources, self.work)
        except (PipelinesError, OSError) as error:
            self._snapshot_error = str(error)

    def snapshot(self) -> Path:
        """The copy of the repository.

        Raises:
            OSError: there is none.
        """
        if self._snapshot_error or not self.folder.sources.is_dir():
            raise OSError(self._snapshot_error or "the sources of this run are gone")
        return self.folder.sources

    def counter(self, prefix: str, seed: int) -> int:
        """The next number of a counter of this pipeline."""
        key = f"counter/{self.definition}/{prefix}"
        return folders.next_number(self.work, key, seed)

    def context(
        self,
        variables: Variables,
        status: Status | None = None,
        names: Mapping[str, Value] | None = None,
    ) -> Context:
        """What a runtime expression sees."""
        pipeline: Value = of_python({"startTime": self.started}, ignore_case=True)
        known: dict[str, Value] = {
            "variables": variables.as_object(),
            "pipeline": pipeline,
            "resources": of_python(predefined.repositories(variables), ignore_case=True),
            **(names or {}),
        }
        return Context(known, status, self.counter)
