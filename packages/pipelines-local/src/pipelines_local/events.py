"""What a run tells while it goes on: typed events, handed to a listener one at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, Union

from pipelines_local.results import ApprovalRecord, JobResult, Result, StageResult, StepResult


@dataclass(frozen=True)
class RunStarted:
    """The pipeline was checked, and begins.

    Attributes:
        plan: stages with the names of their jobs, in the order of the file.
    """

    run: str
    name: str
    pipeline: Path
    folder: Path
    plan: Mapping[str, tuple[str, ...]]
    displays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StageStarted:
    """A stage's condition was true and its approvals are there."""

    stage: str


@dataclass(frozen=True)
class StageFinished:
    """A stage has its result, also when it did not run."""

    stage: StageResult


@dataclass(frozen=True)
class JobStarted:
    """A job begins."""

    stage: str
    job: str


@dataclass(frozen=True)
class JobFinished:
    """A job has its result, also when it did not run."""

    stage: str
    job: JobResult


@dataclass(frozen=True)
class StepStarted:
    """A step begins; ``number`` counts the job's steps from 1."""

    stage: str
    job: str
    number: int
    display: str


@dataclass(frozen=True)
class StepFinished:
    """A step has its result; ``tail`` holds the last lines of its log, masked, when it failed."""

    stage: str
    job: str
    number: int
    step: StepResult
    tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogLine:
    """A line of a step's log, masked."""

    stage: str
    job: str
    number: int
    line: str


@dataclass(frozen=True)
class ApprovalWanted:
    """A stage waits for somebody's word on an environment; ``artifacts`` is what to look at."""

    stage: str
    environment: str
    artifacts: Path


@dataclass(frozen=True)
class ApprovalGiven:
    """The word was given."""

    approval: ApprovalRecord


@dataclass(frozen=True)
class CancelRequested:
    """The run was interrupted; it ends in order."""


@dataclass(frozen=True)
class RunFinished:
    """The run's end; ``result`` is ``Waiting`` when it stopped for an approval."""

    run: str
    result: Result
    folder: Path


Event: TypeAlias = Union[  # noqa: UP007
    RunStarted,
    StageStarted,
    StageFinished,
    JobStarted,
    JobFinished,
    StepStarted,
    StepFinished,
    LogLine,
    ApprovalWanted,
    ApprovalGiven,
    CancelRequested,
    RunFinished,
]


class Listener(Protocol):
    """Whoever watches a run. Events come from several threads, but never two at a time."""

    def handle(self, event: Event) -> None:
        """Take an event; it should return quickly, because the run waits for it."""


class Silent:
    """Nobody watches."""

    def handle(self, event: Event) -> None:
        """Do nothing."""


class Dispatcher:
    """Hands events on, one at a time."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener or Silent()
        self._lock = threading.RLock()

    def send(self, event: Event) -> None:
        """Hand ``event`` to the listener."""
        with self._lock:
            self._listener.handle(event)
