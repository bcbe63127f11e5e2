"""Events of a run, sent to a listener one at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, Union

from pipelines_local.approvals import Kind
from pipelines_local.errors import Diagnostic
from pipelines_local.results import ApprovalRecord, JobResult, Result, StageResult, StepResult


@dataclass(frozen=True)
class RunStarted:
    """The run starts.

    Attributes:
        plan: names of the jobs by stage, in the order of the file.
        displays: display names by ``stage`` and ``stage.job``.
        warnings: diagnostics that do not prevent the run.
    """

    run: str
    name: str
    pipeline: Path
    folder: Path
    plan: Mapping[str, tuple[str, ...]]
    displays: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class StageStarted:
    """A stage starts: its condition is true and its approvals are complete."""

    stage: str


@dataclass(frozen=True)
class StageFinished:
    """A stage has a result; sent for skipped stages too."""

    stage: StageResult


@dataclass(frozen=True)
class JobStarted:
    """A job starts."""

    stage: str
    job: str


@dataclass(frozen=True)
class MatrixExpanded:
    """A job with ``matrix: $[ ]`` is replaced by its copies; has their display names by name."""

    stage: str
    job: str
    displays: Mapping[str, str]


@dataclass(frozen=True)
class JobFinished:
    """A job has a result; sent for skipped jobs too."""

    stage: str
    job: JobResult


@dataclass(frozen=True)
class StepStarted:
    """A step starts; ``number`` counts the steps of the job from 1."""

    stage: str
    job: str
    number: int
    display: str


@dataclass(frozen=True)
class StepFinished:
    """A step has a result; ``tail`` has the last lines of the masked log if it failed."""

    stage: str
    job: str
    number: int
    step: StepResult
    tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogLine:
    """A masked line of the log of a step."""

    stage: str
    job: str
    number: int
    line: str


@dataclass(frozen=True)
class ApprovalRequested:
    """A stage waits for an approval; ``artifacts`` is the folder to review."""

    stage: str
    environment: str
    artifacts: Path
    kind: Kind = "environment"


@dataclass(frozen=True)
class ApprovalDecided:
    """An approval was granted or rejected."""

    approval: ApprovalRecord
    kind: Kind = "environment"


@dataclass(frozen=True)
class CancelRequested:
    """The run was cancelled and ends in order."""


@dataclass(frozen=True)
class RunFinished:
    """The run ends; the result is ``Waiting`` if it needs an approval."""

    run: str
    result: Result
    folder: Path


Event: TypeAlias = Union[  # noqa: UP007
    RunStarted,
    StageStarted,
    StageFinished,
    JobStarted,
    JobFinished,
    MatrixExpanded,
    StepStarted,
    StepFinished,
    LogLine,
    ApprovalRequested,
    ApprovalDecided,
    CancelRequested,
    RunFinished,
]


class Listener(Protocol):
    """Receives the events of a run, from several threads but never two at a time."""

    def handle(self, event: Event) -> None:
        """Handle an event; the run waits until this returns."""


class NullListener:
    """Ignores all events."""

    def handle(self, event: Event) -> None:
        """Do nothing."""


class EventDispatcher:
    """Sends events to the listener, one at a time."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener or NullListener()
        self._lock = threading.RLock()

    def send(self, event: Event) -> None:
        """Send ``event`` to the listener."""
        with self._lock:
            self._listener.handle(event)
