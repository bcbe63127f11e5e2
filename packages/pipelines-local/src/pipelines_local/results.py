"""What a run leaves: a tree of results in Azure's words, which is also the JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

Result: TypeAlias = Literal[
    "Succeeded",
    "SucceededWithIssues",
    "Failed",
    "Canceled",
    "Skipped",
    "Rejected",
    "Waiting",
]
GOOD = ("Succeeded", "SucceededWithIssues")
EXIT_CODES = {"Waiting": 4, "Rejected": 5, "Canceled": 130, "Failed": 1}


@dataclass
class StepResult:
    """One step. ``exit_code`` is None when no process was started.

    Attributes:
        log: the file that holds its output, masked.
    """

    name: str
    display: str
    result: Result
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    log: Path | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        if self.started is None or self.finished is None:
            return 0.0
        return (self.finished - self.started).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON document."""
        return {
            "name": self.name,
            "display": self.display,
            "result": self.result,
            "exit_code": self.exit_code,
            "started": _time(self.started),
            "finished": _time(self.finished),
        }


@dataclass
class Issues:
    """The lines that were logged as errors and as warnings."""

    error: list[str] = field(default_factory=list)
    warning: list[str] = field(default_factory=list)


@dataclass
class JobResult:
    """One job; ``log`` is all of its output, masked."""

    job: str
    display: str
    result: Result
    started: datetime | None = None
    finished: datetime | None = None
    issues: Issues = field(default_factory=Issues)
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    steps: list[StepResult] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON document."""
        return {
            "job": self.job,
            "display": self.display,
            "result": self.result,
            "started": _time(self.started),
            "finished": _time(self.finished),
            "issues": {"error": self.issues.error, "warning": self.issues.warning},
            "outputs": self.outputs,
            "log": self.log,
            "steps": [step.to_dict() for step in self.steps],
        }


@dataclass
class StageResult:
    """One stage."""

    stage: str
    display: str
    result: Result
    started: datetime | None = None
    finished: datetime | None = None
    jobs: list[JobResult] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON document."""
        return {
            "stage": self.stage,
            "display": self.display,
            "result": self.result,
            "started": _time(self.started),
            "finished": _time(self.finished),
            "jobs": [job.to_dict() for job in self.jobs],
        }


@dataclass(frozen=True)
class ApprovalRecord:
    """Who said what about an environment, when and why."""

    environment: str
    stage: str
    decision: Literal["approved", "rejected"]
    name: str
    comment: str
    time: datetime

    def to_dict(self) -> dict[str, Any]:
        """As in the JSON document."""
        return {
            "environment": self.environment,
            "stage": self.stage,
            "decision": self.decision,
            "name": self.name,
            "comment": self.comment,
            "time": _time(self.time),
        }


@dataclass
class RunResult:
    """A run.

    Attributes:
        run: its id; ``resume`` takes it.
        name: its build number.
        folder: everything it left.
        artifacts: a folder for each published artifact.
        summaries: Markdown files that steps uploaded.
        tests: counts of published test results.
        interrupted: whether the run was cancelled from outside.
    """

    run: str
    name: str
    result: Result
    folder: Path
    artifacts: Path
    pipeline: Path
    started: datetime
    finished: datetime | None = None
    stages: list[StageResult] = field(default_factory=list)
    summaries: list[Path] = field(default_factory=list)
    approvals: list[ApprovalRecord] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """What a command that ran it should end with."""
        if self.result == "Canceled" and not self.interrupted:
            return 1  # a job took too long
        return EXIT_CODES.get(self.result, 0)

    def jobs(self) -> Iterator[tuple[StageResult, JobResult]]:
        """Every job with its stage."""
        for stage in self.stages:
            for job in stage.jobs:
                yield stage, job

    def failed_steps(self) -> list[StepResult]:
        """The steps that failed, in the order of the file."""
        return [s for _, job in self.jobs() for s in job.steps if s.result == "Failed"]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``pipelines-local run --format json``."""
        return {
            "result": self.result,
            "name": self.name,
            "run": self.run,
            "pipeline": str(self.pipeline),
            "started": _time(self.started),
            "finished": _time(self.finished),
            "stages": [stage.to_dict() for stage in self.stages],
            "artifacts": str(self.artifacts),
            "summaries": [str(path) for path in self.summaries],
            "approvals": [approval.to_dict() for approval in self.approvals],
            "tests": self.tests,
        }


def _time(value: datetime | None) -> str | None:
    return value.isoformat(timespec="milliseconds") if value is not None else None
