"""Stored state of a run, from which it can be resumed; contains no secrets."""

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
from pipelines_local.run.context import RunContext
from pipelines_local.run.variables import Entry

VERSION = 3


@dataclass(frozen=True)
class StoredRun:
    """The stored state of a run."""

    result: RunResult
    root: str
    variables: tuple[Entry, ...]
    pipelines: Mapping[str, str]
    artifacts: tuple[str, ...]


def save(context: RunContext, result: RunResult) -> None:
    """Store the state of a run."""
    variables = [
        {"name": entry.name, "value": entry.value, "readonly": entry.readonly}
        for entry in context.variables
        if not entry.secret
    ]
    files.write_json(
        context.folder.path / folders.STATE,
        {
            "version": VERSION,
            "root": str(context.root),
            "variables": variables,
            "pipelines": {name: str(a.folder) for name, a in context.pipelines.items()},
            "artifacts": context.artifacts.names(),
            "result": result.to_dict(),
        },
    )


def load(folder: folders.RunFolder) -> StoredRun:
    """Read the stored state of a run.

    Raises:
        UsageError: it cannot be read.
    """
    data = files.read_json(folder.path / folders.STATE)
    try:
        if data["version"] != VERSION:
            raise UsageError("run-version", f"the run {folder.run} has another version")
        return StoredRun(
            _read_result(folder, data["result"]),
            data["root"],
            tuple(Entry(v["name"], v["value"], False, v["readonly"]) for v in data["variables"]),
            data["pipelines"],
            tuple(data["artifacts"]),
        )
    except (TypeError, KeyError, ValueError):
        message = f"the state of the run {folder.run} cannot be read"
        raise UsageError("run-state", message) from None


def _read_result(folder: folders.RunFolder, data: dict[str, Any]) -> RunResult:
    return RunResult(
        folder.run,
        data["name"],
        data["result"],
        folder.path,
        folder.artifacts,
        Path(data["pipeline"]),
        datetime.fromisoformat(data["started"]),
        stages=[_read_stage(stage) for stage in data["stages"]],
        summaries=[Path(path) for path in data["summaries"]],
        approvals=[ApprovalRecord(**_parse_times(item)) for item in data["approvals"]],
        tests=data["tests"],
        warnings=data["warnings"],
    )


def _read_stage(data: dict[str, Any]) -> StageResult:
    return StageResult(**_parse_times({**data, "jobs": [_read_job(job) for job in data["jobs"]]}))


def _read_job(data: dict[str, Any]) -> JobResult:
    steps = [StepResult(**_parse_times(step)) for step in data["steps"]]
    return JobResult(**_parse_times({**data, "issues": Issues(**data["issues"]), "steps": steps}))


def _parse_times(data: dict[str, Any]) -> dict[str, Any]:
    keys = {"started", "finished", "time"} & set(data)
    return data | {key: datetime.fromisoformat(data[key]) for key in keys if data[key]}
