"""What only the pipeline knows of a release: decisions and stage results."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from nbrelease.records._model import Strict

DECISIONS = "decisions.json"
OUTCOME = "outcome.json"

# The results of Azure Pipelines; Rejected is pipelines-local's for a rejected stage.
StageResult = Literal[
    "Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Rejected"
]


class Decision(Strict):
    """An approver's decision on an environment; the time in UTC.

    ``role`` is the group that the approver decided for; may be empty.
    """

    environment: str
    stage: str
    decision: Literal["approved", "rejected"]
    name: str
    role: str = ""
    comment: str
    time: datetime


class StageOutcome(Strict):
    """The result of a stage, and its times where the pipeline reports them."""

    name: str
    result: StageResult
    started: datetime | None = None
    ended: datetime | None = None


class Outcome(Strict):
    """The results of the pipeline's stages, also of those that did not start.

    ``interrupted``: the pipeline was killed. ``decisions_unknown``: why the decisions could not be
    read. ``waiting_for``: the environment that needs an approval next.
    """

    stages: list[StageOutcome] = Field(default_factory=list)
    interrupted: bool = False
    decisions_unknown: str = ""
    waiting_for: str = ""


class Stage(Strict):
    """A stage of the pipeline; its times are those of its runbooks where it reports none."""

    name: str
    result: StageResult | None = None
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    jobs: list[str]


def read_decisions(folder: Path) -> list[Decision]:
    """The decisions on a release, in order."""
    path = folder / DECISIONS
    if not path.is_file():
        return []
    return [Decision.model_validate(each) for each in json.loads(path.read_text(encoding="utf-8"))]


def read_outcome(folder: Path) -> Outcome | None:
    """The results of the pipeline's stages; None for a release by hand."""
    path = folder / OUTCOME
    return Outcome.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None
