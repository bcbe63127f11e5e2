"""Two classes, one of them positive."""

from __future__ import annotations

from nbrelease.quality.predictions import ScoredRows
from nbrelease.quality.tasks import curves
from nbrelease.quality.tasks.task import Task
from nbrelease.records.published import Curves


def draw_curves(rows: ScoredRows, _: object) -> Curves:
    """Confusion; where there are probabilities ROC, precision-recall and calibration curve."""
    drawn = Curves(confusion=curves.confusion(rows))
    if rows.scores.probability is None:
        return drawn
    code = rows.positive_code
    positive, score = rows.codes[0] == code, rows.scores.probability[:, code]
    return drawn.model_copy(
        update={
            "roc": curves.roc(positive, score),
            "precision_recall": curves.precision_recall(positive, score),
            "calibration": curves.calibration(positive, score),
        }
    )


TASK = Task(
    classifier=True,
    metrics=("roc_auc", "accuracy"),
    group_metrics=("accuracy", "selection_rate", "false_negative_rate", "calibration_error"),
    draw_curves=draw_curves,
)
