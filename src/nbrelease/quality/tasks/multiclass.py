"""Several classes."""

from __future__ import annotations

from nbrelease.quality.metrics.classification import is_correct
from nbrelease.quality.predictions import ScoredRows
from nbrelease.quality.tasks import curves
from nbrelease.quality.tasks.task import Task
from nbrelease.records.published import Curves


def draw_curves(rows: ScoredRows, _: object) -> Curves:
    """Confusion; where there are probabilities the calibration of the predicted class."""
    drawn = Curves(confusion=curves.confusion(rows))
    if rows.scores.probability is None:
        return drawn
    highest = rows.scores.probability.max(axis=1)
    return drawn.model_copy(update={"calibration": curves.calibration(is_correct(rows), highest)})


TASK = Task(
    classifier=True,
    metrics=("accuracy", "f1_macro", "roc_auc_ovr", "log_loss"),
    group_metrics=("accuracy", "f1_macro", "calibration_error"),
    draw_curves=draw_curves,
)
