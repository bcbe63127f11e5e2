"""What the pipeline knows of a release and its runbooks do not: decisions, and stages' ends."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from nbrelease.records._model import Strict

DECISIONS = "decisions.json"
OUTCOME = "outcome.json"

# Azure Pipelines' own words; Rejected is pipelines-local's for a stage that an approver refused.
StageResult = Literal[
    "Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Rejected"
]


class Decision(Strict):
    """What somebody said about going to an environment; the time in UTC.

    ``role`` is the group that was asked, where somebody spoke for one.
    """

    environment: str
    stage: str
    decision: Literal["approved", "rejected"]
    name: str
    role: str = ""
    comment: str
    time: datetime


class StageOutcome(Strict):
    """What became of a stage, in the pipeline's words; times where the pipeline tells them."""

    name: str
    result: StageResult
    started: datetime | None = None
    ended: datetime | None = None


class Outcome(Strict):
    """What the pipeline knows and the runbooks cannot: which stages never came to their runbooks.

    ``interrupted`` where the pipeline was killed and could not say; ``decisions_unknown`` why it
    could not be read who decided; ``waiting_for`` the environment that needs a yes next.
    """

    stages: list[StageOutcome] = Field(default_factory=list)
    interrupted: bool = False
    decisions_unknown: str = ""
    waiting_for: str = ""


class Stage(Strict):
    """A stage of the pipeline. Where the pipeline told no times, those of its runbooks."""

    name: str
    result: StageResult | None = None
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    jobs: list[str]


def read_decisions(folder: Path) -> list[Decision]:
    """What was said about a release, in order; nothing where nobody was asked."""
    path = folder / DECISIONS
    if not path.is_file():
        return []
    return [Decision.model_validate(each) for each in json.loads(path.read_text(encoding="utf-8"))]


def read_outcome(folder: Path) -> Outcome | None:
    """What became of the pipeline's stages; None for a release by hand."""
    path = folder / OUTCOME
    return Outcome.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None
