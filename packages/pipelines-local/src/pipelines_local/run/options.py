"""The options of a run, as :mod:`pipelines_local.engine` gets them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines_local.approvals import Approver, Decision, PresetApprovals
from pipelines_local.events import Listener
from pipelines_local.tasks.context import TaskOptions


@dataclass(frozen=True)
class RunOptions:
    """The arguments of ``run_pipeline`` and ``resume_pipeline``."""

    work: Path
    secrets: Mapping[str, str]
    connections: Mapping[str, Mapping[str, str]]
    approver: Approver
    listener: Listener | None
    max_jobs: int
    tasks: TaskOptions
    variables: Mapping[str, str]
    pipelines: Mapping[str, Path]


def run_options(
    work: Path,
    secrets: Mapping[str, str] | None,
    connections: Mapping[str, Mapping[str, str]] | None,
    approvals: Approver | Mapping[str, Decision] | None,
    listener: Listener | None,
    jobs: int | None,
    tasks: TaskOptions,
    variables: Mapping[str, str] | None = None,
    pipelines: Mapping[str, Path] | None = None,
) -> RunOptions:
    """Convert the arguments of the Python API, whose defaults are None."""
    is_preset = isinstance(approvals, (Mapping, type(None)))
    return RunOptions(
        Path(work).resolve(),
        secrets or {},
        connections or {},
        PresetApprovals(approvals or {}) if is_preset else approvals,  # type: ignore[arg-type]
        listener,
        jobs or os.cpu_count() or 1,
        tasks,
        variables or {},
        pipelines or {},
    )
