"""Numbers some steps ahead."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nbrelease.quality.predictions import ScoredRows
from nbrelease.quality.tasks import curves, regression
from nbrelease.quality.tasks.task import Task
from nbrelease.records.published import Curves


def draw_curves(rows: ScoredRows, steps_ahead: NDArray[Any] | None) -> Curves:
    """As for a regression, and the error by horizon where the steps ahead are known."""
    drawn = regression.draw_curves(rows, None)
    if steps_ahead is None:
        return drawn
    errors = curves.errors_by_horizon(rows, steps_ahead)
    return drawn.model_copy(update={"errors_by_horizon": errors})


TASK = Task(
    classifier=False,
    metrics=("mean_absolute_error", "root_mean_squared_error", "r2"),
    group_metrics=regression.TASK.group_metrics,
    draw_curves=draw_curves,
)
