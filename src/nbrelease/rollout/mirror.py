"""Compare a new deployment with the live one on mirrored requests, before it has traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from nbrelease.quality.scoring import Observation

if TYPE_CHECKING:
    import pandas as pd


class MirrorResult(BaseModel):
    """The requests that were copied to a new deployment.

    ``percent`` is 0 where the workspace refused to mirror, and ``why`` says what it answered.
    ``rows`` counts the rows that both deployments answered, as the data collector has them;
    ``differ`` is the share with another prediction and ``drift`` the stability index of the two.
    """

    model_config = ConfigDict(frozen=True)

    percent: int
    why: str = ""
    observed: Observation | None = None
    rows: int = 0
    differ: float | None = None
    drift: float | None = None


def compare_mirrored(
    result: MirrorResult, live: pd.DataFrame, new: pd.DataFrame, task: str = ""
) -> MirrorResult:
    """Add the comparison of the collected answers.

    Args:
        result: of :meth:`nbrelease.rollout.Rollout.mirror`.
        live: of :func:`nbrelease.quality.collected.read_collected`, for the live deployment.
        new: the same for the new one.
        task: of the model: predictions are compared as numbers or as classes.
    """
    from nbrelease.quality.collected import match_predictions
    from nbrelease.quality.drift import prediction_drift
    from nbrelease.quality.parity import compare_answers

    both = match_predictions(live, new)
    if both.empty:
        return result
    answers = both["before"].tolist(), both["after"].tolist()
    drift = prediction_drift(*answers, task)
    return result.model_copy(
        update={
            "rows": len(both),
            "differ": round(len(compare_answers(*answers).different) / len(both), 4),
            "drift": round(drift, 6),
        }
    )
