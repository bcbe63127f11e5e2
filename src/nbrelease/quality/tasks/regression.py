"""Numbers."""

from __future__ import annotations

from nbrelease.quality.predictions import ScoredRows
from nbrelease.quality.tasks import curves
from nbrelease.quality.tasks.task import Task
from nbrelease.records.published import Curves


def draw_curves(rows: ScoredRows, _: object) -> Curves:
    """Predicted against actual, and residuals."""
    points, residuals = curves.predicted_actual(rows)
    return Curves(predicted_actual=points, residuals=residuals)


TASK = Task(
    classifier=False,
    metrics=("root_mean_squared_error", "mean_absolute_error", "r2"),
    group_metrics=(
        "root_mean_squared_error", "mean_absolute_error", "mean_prediction", "mean_error",
    ),
    draw_curves=draw_curves,
)  # fmt: skip
