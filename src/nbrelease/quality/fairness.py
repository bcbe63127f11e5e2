"""Fairness between the slices of the criteria file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbrelease.quality.criteria import Criteria
from nbrelease.quality.metrics import Measure, Metric
from nbrelease.quality.metrics.groups import (
    calibrated_values,
    calibration_curve,
    get_group_metric,
)
from nbrelease.quality.model_metrics import Models, check_kind
from nbrelease.quality.predictions import Predictions
from nbrelease.quality.slices import RowSlice, split_rows
from nbrelease.records.published import Fairness, Point


def measure_fairness(
    predictions: Predictions,
    features: pd.DataFrame,
    criteria: Criteria,
    *,
    task: str = "binary",
    own_metrics: Sequence[Metric] = (),
) -> Fairness | None:
    """Measure groups of the held-out rows, with fairlearn's MetricFrame.

    Args:
        predictions: of the challenger.
        features: the rows, with the sensitive column.
        criteria: its ``slices`` are the groups.
        task: of the model.
        own_metrics: the metrics of the project.

    Returns:
        Size and metrics of each group; the largest difference and the largest value of each metric
        among the groups that are large enough; the calibration curve of each group where there
        are probabilities. None where the criteria have no slices.

    Raises:
        SettingsError: a metric or a column of the criteria does not fit the model or its data.
    """
    from fairlearn.metrics import MetricFrame, count

    if criteria.slices is None:
        return None
    models = Models(predictions, task)
    measures = {
        each.name: models.prepare(each).challenger
        for each in _find_group_metrics(criteria, models, own_metrics)
    }
    groups = split_rows(features, criteria.slices)
    if not groups:
        return None
    rows = np.concatenate([each.rows for each in groups])
    frame = MetricFrame(
        metrics={"rows": count}
        | {name: _measure_positions(measure) for name, measure in measures.items()},
        y_true=rows,
        y_pred=rows,
        sensitive_features=np.repeat([x.name for x in groups], [len(x.rows) for x in groups]),
    )
    by_group = frame.by_group.astype(float).loc[[each.name for each in groups]]
    large = by_group[by_group["rows"] >= criteria.slices.smallest].drop(columns="rows")
    differences = (large.max() - large.min()) if len(large) > 1 else large.max() * 0
    return Fairness(
        sensitive=criteria.slices.column,
        groups=[
            {
                "group": str(name),
                "rows": int(row["rows"]),
                **{key: _number(row[key]) for key in large.columns},
            }
            for name, row in by_group.iterrows()
        ],
        differences={str(key): _number(value) for key, value in differences.items()},
        most={str(key): _number(value) for key, value in large.max().items()},
        calibration=_calibration_by_group(models, groups),
    )


def _find_group_metrics(
    criteria: Criteria, models: Models, own_metrics: Sequence[Metric]
) -> list[Metric]:
    """The metrics of the task's groups, and those that the fairness criteria name."""
    limits = [each.metric for each in criteria.fairness]
    limited = [name.removesuffix("_difference").removesuffix("_most") for name in limits]
    of_task = models.task.group_metrics or [each.metric for each in criteria.metrics]
    metrics = []
    for name in dict.fromkeys([*of_task, *limited]):
        metric = get_group_metric(name, own_metrics)
        check_kind(metric, models.task_name)
        if models.has_probability(metric) or name in limited:
            metrics.append(metric)
    return metrics


def _measure_positions(measure: Measure) -> Callable[..., float]:
    return lambda rows, _: float(measure(np.asarray(rows)))


def _calibration_by_group(models: Models, groups: Sequence[RowSlice]) -> dict[str, list[Point]]:
    rows = models.scored_rows[0]
    if not models.task.classifier or rows.scores.probability is None:
        return {}
    actual, probability = calibrated_values(rows)
    return {
        each.name: calibration_curve(actual[each.rows], probability[each.rows]) for each in groups
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
