"""Results of a run in the terms of Azure Pipelines; also the JSON document of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
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


class Record:
    """A part of the JSON document; its keys are the names of the fields."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = [f.name for f in fields(self) if f.metadata.get("in_document", True)]  # type: ignore[arg-type]
        return {name: _to_data(getattr(self, name)) for name in names}


@dataclass
class StepResult(Record):
    """The result of a step; ``exit_code`` is None if no process was started.

    Attributes:
        log: the file with its masked output.
    """

    name: str
    display: str
    result: Result
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    log: Path | None = field(default=None, metadata={"in_document": False})

    @property
    def seconds(self) -> float:
        """The duration."""
        if self.started is None or self.finished is None:
            return 0.0
        return (self.finished - self.started).total_seconds()


@dataclass
class Issues(Record):
    """Errors and warnings of a job, masked.

    Attributes:
        codes: the codes of all errors and warnings in their order; empty for an issue that a
            step logged without a code.
    """

    error: list[str] = field(default_factory=list)
    warning: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def add(self, kind: Literal["error", "warning"], code: str, message: str) -> None:
        """Add an error or a warning."""
        (self.error if kind == "error" else self.warning).append(message)
        self.codes.append(code)


@dataclass
class JobResult(Record):
    """The result of a job; ``log`` is its masked output."""

    job: str
    display: str
    result: Result
    started: datetime | None = None
    finished: datetime | None = None
    issues: Issues = field(default_factory=Issues)
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    steps: list[StepResult] = field(default_factory=list)


@dataclass
class StageResult(Record):
    """The result of a stage."""

    stage: str
    display: str
    result: Result
    started: datetime | None = None
    finished: datetime | None = None
    jobs: list[JobResult] = field(default_factory=list)


@dataclass(frozen=True)
class ApprovalRecord(Record):
    """A decision about an approval."""

    environment: str
    stage: str
    decision: Literal["approved", "rejected"]
    name: str
    comment: str
    time: datetime


@dataclass
class RunResult:
    """The result of a run.

    Attributes:
        run: the id, for resuming.
        name: the build number.
        folder: the run folder.
        artifacts: a folder with one subfolder for each artifact.
        summaries: Markdown files that steps uploaded.
        tests: counts of published test results.
        interrupted: whether the run was cancelled from outside.
        waiting: the stages that wait, with their environments.
        warnings: the warnings about the pipeline, in their JSON form.
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
    waiting: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of the command line."""
        if self.result == "Canceled" and not self.interrupted:
            return 1  # a job exceeded its timeout
        return EXIT_CODES.get(self.result, 0)

    def jobs(self) -> Iterator[tuple[StageResult, JobResult]]:
        """Iterate over all jobs with their stages."""
        for stage in self.stages:
            for job in stage.jobs:
                yield stage, job

    def failed_steps(self) -> list[StepResult]:
        """Return the failed steps in the order of the file."""
        return [s for _, job in self.jobs() for s in job.steps if s.result == "Failed"]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of ``pipelines-local run --format json``."""
        return {
            "result": self.result,
            "name": self.name,
            "run": self.run,
            "pipeline": str(self.pipeline),
            "started": _to_data(self.started),
            "finished": _to_data(self.finished),
            "stages": [stage.to_dict() for stage in self.stages],
            "artifacts": str(self.artifacts),
            "summaries": [str(path) for path in self.summaries],
            "approvals": [approval.to_dict() for approval in self.approvals],
            "tests": self.tests,
            "waiting": self.waiting,
            "warnings": self.warnings,
        }


def _to_data(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, list):
        return [_to_data(item) for item in value]
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
