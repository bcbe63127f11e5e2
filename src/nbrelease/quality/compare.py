"""Compare a challenger with the champion on the same held-out rows.

Differences are paired: both models are measured on the same bootstrap samples, so that the variance
of the rows cancels out (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). The
accuracies of two classifiers are compared by McNemar's exact test on the rows that only one of them
classifies correctly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Criteria
from nbrelease.records import published
from nbrelease.records.published import Comparison, Curves, Interval, McNemar, Metric, Point, Slice

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]

THRESHOLD = 0.5
RESAMPLES = 999
CURVE_POINTS = 60


def accuracy(label: Labels, probability: Probabilities, axis: int = -1) -> Any:
    """Share of the rows that are classified correctly at the threshold of 0.5."""
    return np.mean((probability > THRESHOLD) == (label == 1), axis=axis)


def roc_auc(label: Labels, probability: Probabilities, axis: int = -1) -> Any:
    """Area under the ROC curve, by the ranks of the positives; nan with one class only.

    Equal to scikit-learn's, but for many samples at once along ``axis``.
    """
    ranks = stats.rankdata(probability, axis=axis)
    positive = label == 1
    count = positive.sum(axis=axis).astype(float)
    other = label.shape[axis] - count
    total = np.where(positive, ranks, 0).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total - count * (count + 1) / 2) / (count * other)


METRICS: dict[str, Callable[..., Any]] = {"accuracy": accuracy, "roc_auc": roc_auc}


@dataclass(frozen=True)
class Predictions:
    """The label of each row, 0 or 1, and both models' probabilities of 1; each of shape (rows,).

    ``champion`` is None before the first release.
    """

    label: Labels
    challenger: Probabilities
    champion: Probabilities | None = None

    def select(self, rows: NDArray[np.bool_]) -> Predictions:
        """The predictions of some rows."""
        champion = None if self.champion is None else self.champion[rows]
        return Predictions(self.label[rows], self.challenger[rows], champion)


def compare_models(
    predictions: Predictions,
    *,
    version: str | None,
    features: pd.DataFrame,
    criteria: Criteria,
    seed: int = 0,
) -> Comparison:
    """Measure a challenger, and the champion if there is one.

    Args:
        predictions: of both models for the held-out rows.
        version: the champion's model version.
        features: the held-out rows, for the slices.
        criteria: the slices, and the confidence level of the intervals.
        seed: of the bootstrap.
    """
    bootstrap = _Bootstrap(criteria.confidence, seed)
    label, challenger, champion = predictions.label, predictions.challenger, predictions.champion
    return Comparison(
        rows=len(label),
        champion=None if champion is None else published.Champion(version=version),
        confidence=criteria.confidence,
        metrics=[_measure_metric(name, predictions, bootstrap) for name in METRICS],
        mcnemar=None if champion is None else mcnemar(label, challenger, champion),
        slices=_measure_slices(predictions, features, criteria, bootstrap),
        curves=published.BothCurves(
            challenger=curves(label, challenger),
            champion=None if champion is None else curves(label, champion),
        ),
    )


def mcnemar(label: Labels, challenger: Probabilities, champion: Probabilities) -> McNemar:
    """McNemar's exact test of two classifiers on the same rows.

    The p-value is two-sided; the null hypothesis is that both are correct equally often (McNemar
    1947; exact binomial form).
    """
    correct = (challenger > THRESHOLD) == (label == 1)
    champion_correct = (champion > THRESHOLD) == (label == 1)
    challenger_only = int((correct & ~champion_correct).sum())
    champion_only = int((champion_correct & ~correct).sum())
    total = challenger_only + champion_only
    p_value = float(stats.binomtest(challenger_only, total, 0.5).pvalue) if total else 1.0
    return McNemar(challenger_only=challenger_only, champion_only=champion_only, p_value=p_value)


def curves(label: Labels, probability: Probabilities) -> Curves:
    """ROC and calibration curve with few points, and the confusion matrix."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(label[order] == 1)
    misses = np.arange(1, len(label) + 1) - hits
    steps = np.unique(np.linspace(0, len(label) - 1, CURVE_POINTS).astype(int))
    roc: list[Point] = [(0.0, 0.0)]
    roc += [(_share(misses[i], misses[-1]), _share(hits[i], hits[-1])) for i in steps]
    bins = np.clip((probability * 10).astype(int), 0, 9)
    calibration = [
        (round(float(probability[bins == b].mean()), 6), round(float(label[bins == b].mean()), 6))
        for b in range(10)
        if (bins == b).any()
    ]
    predicted = (probability > THRESHOLD).astype(int)
    confusion = [[int(((label == a) & (predicted == p)).sum()) for p in (0, 1)] for a in (0, 1)]
    return Curves(roc=roc, calibration=calibration, confusion=confusion)


def _share(part: Any, whole: Any) -> float:
    return round(float(part) / float(whole), 6) if whole else 0.0


@dataclass(frozen=True)
class _Bootstrap:
    """Percentile bootstrap: rows are drawn together, so that differences stay paired."""

    level: float
    seed: int

    def interval(self, statistic: Callable[..., Any], *samples: NDArray[Any]) -> Interval | None:
        result = stats.bootstrap(
            samples,
            statistic,
            paired=True,
            vectorized=True,
            confidence_level=self.level,
            n_resamples=RESAMPLES,
            batch=111,
            method="percentile",
            rng=np.random.default_rng(self.seed),
        )
        low, high = result.confidence_interval
        return (float(low), float(high)) if np.isfinite([low, high]).all() else None

    def difference(self, name: str, predictions: Predictions) -> Interval | None:
        """The interval of challenger minus champion; None without a champion."""
        metric = METRICS[name]

        def difference(a: Labels, b: Probabilities, c: Probabilities, axis: int = -1) -> Any:
            return metric(a, b, axis=axis) - metric(a, c, axis=axis)

        if predictions.champion is None:
            return None
        samples = (predictions.label, predictions.challenger, predictions.champion)
        return self.interval(difference, *samples)


def _measure_metric(name: str, predictions: Predictions, bootstrap: _Bootstrap) -> Metric:
    metric, label, champion = METRICS[name], predictions.label, predictions.champion
    value = float(metric(label, predictions.challenger))
    result = Metric(
        name=name,
        challenger=value,
        challenger_interval=bootstrap.interval(metric, label, predictions.challenger),
    )
    if champion is None:
        return result
    champion_value = float(metric(label, champion))
    return result.model_copy(
        update={
            "champion": champion_value,
            "champion_interval": bootstrap.interval(metric, label, champion),
            "difference": value - champion_value,
            "difference_interval": bootstrap.difference(name, predictions),
        }
    )


def _measure_slices(
    predictions: Predictions, features: pd.DataFrame, criteria: Criteria, bootstrap: _Bootstrap
) -> list[Slice]:
    if criteria.slices is None:
        return []
    column = criteria.slices.column
    if column not in features:
        raise SettingsError(
            f"criteria: slices.column {column} is not in the data; it has the columns "
            f"{', '.join(map(str, features))}"
        )
    relative = [x.metric for x in criteria.slices.limits if (x.margin, x.loss) != (None, None)]
    values = features[column].to_numpy(dtype=float)
    slices = []
    for low, high in pairwise(criteria.slices.edges):
        rows = (values >= low) & (values < high)
        if not rows.any():
            continue
        part = predictions.select(rows)
        large = part.champion is not None and len(part.label) >= criteria.slices.smallest
        slices.append(
            Slice(
                slice=f"{column} {low:g} to {high:g}",
                rows=len(part.label),
                metrics=_measure(part.label, part.challenger),
                champion_metrics=None
                if part.champion is None
                else _measure(part.label, part.champion),
                difference_intervals={
                    name: bootstrap.difference(name, part) for name in relative if name in METRICS
                }
                if large
                else None,
            )
        )
    return slices


def _measure(label: Labels, probability: Probabilities) -> dict[str, float | None]:
    values = {name: float(metric(label, probability)) for name, metric in METRICS.items()}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
