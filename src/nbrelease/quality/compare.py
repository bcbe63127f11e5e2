"""Compare a challenger with the champion on the same held-out rows.

Differences are paired: both models are measured on the same bootstrap samples, so that the variance
of the rows cancels out (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). The
accuracies of two classifiers are compared by McNemar's exact test on the rows that only one of them
classifies correctly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nbrelease.errors import SettingsError
from nbrelease.quality.bootstrap import Bootstrap, Intervals
from nbrelease.quality.criteria import Criteria
from nbrelease.quality.metrics import Measure, Metric
from nbrelease.quality.metrics.classification import is_correct
from nbrelease.quality.model_metrics import ModelMetric, Models, find_metrics
from nbrelease.quality.predictions import Predictions
from nbrelease.quality.slices import split_rows
from nbrelease.quality.values import format_value
from nbrelease.records import published
from nbrelease.records.published import Comparison, McNemar, Slice


def compare_models(
    predictions: Predictions,
    *,
    task: str = "binary",
    version: str | None,
    features: pd.DataFrame,
    criteria: Criteria,
    seed: int = 0,
    label_column: str | None = None,
    horizon_column: str = "",
    own_metrics: Sequence[Metric] = (),
) -> Comparison:
    """Measure a challenger, and the champion if there is one.

    Args:
        predictions: of both models for the held-out rows.
        task: of the model.
        version: the champion's model version.
        features: the held-out rows, for the slices.
        criteria: the metrics, the slices, and the confidence level of the intervals.
        seed: of the bootstrap.
        label_column: the name of the label.
        horizon_column: of a forecast: the column with the steps ahead.
        own_metrics: the metrics of the project.

    Raises:
        SettingsError: a metric or a column of the criteria does not fit the model or its data.
    """
    models = Models(predictions, task)
    bootstrap = Bootstrap(criteria.confidence, seed)
    measured, not_measured = _prepare(models, criteria, own_metrics)
    challenger, champion = models.scored_rows
    steps_ahead = _read_horizon(features, horizon_column) if horizon_column else None
    curves = models.task.draw_curves(challenger, steps_ahead)
    return Comparison(
        task=task,
        label=label_column,
        classes=[format_value(each) for each in challenger.classes],
        positive=format_value(challenger.classes[challenger.positive_code])
        if task == "binary"
        else None,
        rows=len(predictions.label),
        champion=None if champion is None else published.Champion(version=version),
        confidence=criteria.confidence,
        metrics=_measure_metrics(measured, len(predictions.label), bootstrap),
        mcnemar=None
        if champion is None or not models.task.classifier
        else compare_correct(is_correct(challenger), is_correct(champion)),
        slices=_measure_slices(measured, features, criteria, bootstrap),
        curves=None
        if curves is None
        else published.BothCurves(
            challenger=curves,
            champion=None if champion is None else models.task.draw_curves(champion, steps_ahead),
        ),
        not_measured=not_measured,
    )


def compare_correct(challenger: NDArray[np.bool_], champion: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test of two classifiers on the same rows.

    The p-value is two-sided; the null hypothesis is that both are correct equally often (McNemar
    1947; exact binomial form).

    Args:
        challenger: whether it classifies each row correctly.
        champion: the same of the champion.
    """
    challenger_only = int((challenger & ~champion).sum())
    champion_only = int((champion & ~challenger).sum())
    total = challenger_only + champion_only
    p_value = float(stats.binomtest(challenger_only, total, 0.5).pvalue) if total else 1.0
    return McNemar(challenger_only=challenger_only, champion_only=champion_only, p_value=p_value)


def _read_horizon(features: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in features:
        raise SettingsError(
            f"horizon_column = {column} is not in the held-out rows; they have the columns "
            f"{', '.join(map(str, features))}"
        )
    try:
        return features[column].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise SettingsError(f"horizon_column = {column}: its values are not numbers") from None


def _prepare(
    models: Models, criteria: Criteria, own_metrics: Sequence[Metric]
) -> tuple[list[ModelMetric], dict[str, str]]:
    """The metrics that can be measured, and why others cannot.

    One of the criteria that cannot be measured on the challenger is an error.
    """
    required = {each.metric for each in criteria.metrics}
    challenger, champion = models.scored_rows
    rows = np.arange(len(challenger.label))
    measured, reasons = [], {}
    for metric in find_metrics(criteria, models.task_name, own_metrics):
        if metric.name not in required and not models.has_probability(metric):
            reasons[metric.name] = "the model has no probabilities"
            continue
        each = models.prepare(metric)
        if np.isfinite(each.challenger(rows)):
            measured.append(each)
        elif metric.name in required:
            raise SettingsError(f"criteria: {metric.name} is undefined on the held-out rows")
        else:
            reasons[metric.name] = "it is undefined on the held-out rows"
        if champion is not None and each.champion is None:
            reasons[metric.name] = "the champion has no probabilities"
    return measured, reasons


def _measure_metrics(
    measured: Sequence[ModelMetric], count: int, bootstrap: Bootstrap
) -> list[published.Metric]:
    rows = np.arange(count)
    intervals = bootstrap.intervals(measured, rows)
    results = []
    for each in measured:
        own = intervals.get(each.metric.name, Intervals())
        value, champion = float(each.challenger(rows)), _number(each.champion, rows)
        results.append(
            published.Metric(
                name=each.metric.name,
                direction=each.metric.direction,
                help=each.metric.help,
                challenger=value,
                challenger_interval=own.challenger,
                champion=champion,
                champion_interval=own.champion,
                difference=None if champion is None else value - champion,
                difference_interval=own.difference,
                resamples=each.metric.resamples,
            )
        )
    return results


def _measure_slices(
    measured: Sequence[ModelMetric],
    features: pd.DataFrame,
    criteria: Criteria,
    bootstrap: Bootstrap,
) -> list[Slice]:
    if criteria.slices is None:
        return []
    column = criteria.slices.column
    compared = {x.metric for x in criteria.slices.limits if (x.margin, x.loss) != (None, None)}
    relative = [each for each in measured if each.metric.name in compared and each.champion]
    has_champion = any(each.champion for each in measured)
    slices = []
    for part in split_rows(features, criteria.slices):
        intervals: dict[str, Any] | None = None
        if has_champion and len(part.rows) >= criteria.slices.smallest:
            intervals = {
                name: each.difference
                for name, each in bootstrap.intervals(relative, part.rows).items()
            }
        slices.append(
            Slice(
                slice=f"{column} {part.name}",
                column=column,
                low=part.low,
                high=part.high,
                category=part.category,
                rows=len(part.rows),
                metrics={x.metric.name: _number(x.challenger, part.rows) for x in measured},
                champion_metrics={x.metric.name: _number(x.champion, part.rows) for x in measured}
                if has_champion
                else None,
                difference_intervals=intervals,
            )
        )
    return slices


def _number(measure: Measure | None, rows: NDArray[np.intp]) -> float | None:
    if measure is None:
        return None
    value = float(measure(rows))
    return value if np.isfinite(value) else None
