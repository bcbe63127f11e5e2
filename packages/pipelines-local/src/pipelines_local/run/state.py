"""What a run needs to go on later: stored beside its results, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines_local import files
from pipelines_local.errors import UsageError
from pipelines_local.results import (
    ApprovalRecord,
    Issues,
    JobResult,
    RunResult,
    StageResult,
    StepResult,
)
from pipelines_local.run import folders
from pipelines_local.run.shared import Shared
from pipelines_local.run.variables import Entry

VERSION = 2


@dataclass(frozen=True)
class Stored:
    """A run as it was left."""

    result: RunResult
    root: str
    variables: tuple[Entry, ...]
    pipelines: Mapping[str, str]
    artifacts: tuple[str, ...]


def save(shared: Shared, result: RunResult) -> None:
    """Store how far a run came."""
    variables = [
        {"name": entry.name, "value": entry.value, "readonly": entry.readonly}
        for entry in shared.variables
        if not entry.secret
    ]
    files.write_json(
        shared.folder.path / folders.STATE,
        {
            "version": VERSION,
            "root": str(shared.root),
            "variables": variables,
            "pipelines": {name: str(a.folder) for name, a in shared.pipelines.items()},
            "artifacts": shared.artifacts.names(),
            "result": result.to_dict(),
        },
    )


def load(folder: folders.RunFolder) -> Stored:
    """What was stored.

    Raises:
        UsageError: it cannot be read.
    """
    data = files.read_json(folder.path / folders.STATE)
    try:
        if data["version"] != VERSION:
            raise UsageError(f"the run {folder.run} was stored by another version")
        return Stored(
            _result(folder, data["result"]),
            data["root"],
            tuple(Entry(v["name"], v["value"], False, v["readonly"]) for v in data["variables"]),
            data["pipelines"],
            tuple(data["artifacts"]),
        )
    except (TypeError, KeyError, ValueError):
        raise UsageError(f"the state of the run {folder.run} cannot be read") from None


def _result(folder: folders.RunFolder, data: dict[str, Any]) -> RunResult:
    started = _time(data["started"])
    if started is None:
        raise ValueError("no start")
    return RunResult(
        folder.run,
        data["name"],
        data["result"],
        folder.path,
        folder.artifacts,
        Path(data["pipeline"]),
        started,
        stages=[_stage(stage) for stage in data["stages"]],
        summaries=[Path(path) for path in data["summaries"]],
        approvals=[_approval(item) for item in data["approvals"]],
        tests=data["tests"],
    )


def _stage(data: dict[str, Any]) -> StageResult:
    return StageResult(
        data["stage"],
        data["display"],
        data["result"],
        _time(data["started"]),
        _time(data["finished"]),
        [_job(job) for job in data["jobs"]],
    )


def _job(data: dict[str, Any]) -> JobResult:
    issues = Issues(data["issues"]["error"], data["issues"]["warning"])
    steps = [
        StepResult(
            step["name"],
            step["display"],
            step["result"],
            step["exit_code"],
            _time(step["started"]),
            _time(step["finished"]),
        )
        for step in data["steps"]
    ]
    return JobResult(
        data["job"],
        data["display"],
        data["result"],
        _time(data["started"]),
        _time(data["finished"]),
        issues,
        data["outputs"],
        data["log"],
        steps,
    )


def _approval(data: dict[str, Any]) -> ApprovalRecord:
    when = _time(data["time"])
    if when is None:
        raise ValueError("no time")
    return ApprovalRecord(
        data["environment"], data["stage"], data["decision"], data["name"], data["comment"], when
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
