"""Metrics of predicted probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics.metric import Measure, Metric, count_cells, divide, mean_of
from nbrelease.quality.predictions import ScoredRows

Ranked = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]
"""From positives and negatives at each score in rising order, (..., scores), to (...)."""


def roc_auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve; nan with one class only, or with a missing score."""
    measure = _measure_ranked(positive, score, _area)
    return float(measure(np.arange(len(score))))


def probability_of(rows: ScoredRows) -> NDArray[np.float64]:
    """The probabilities, of shape (rows, classes).

    Raises:
        SettingsError: the model has none.
    """
    if rows.scores.probability is None:
        raise SettingsError("the model has no probabilities")
    return rows.scores.probability


def _measure_ranked(positive: NDArray[Any], score: NDArray[np.float64], ranked: Ranked) -> Measure:
    """A metric of two classes from the counts of both at each distinct score.

    The scores are sorted once, not once for each sample.
    """
    distinct, group = np.unique(score, return_inverse=True)
    size = len(distinct)
    cells = group + size * np.asarray(positive, dtype=np.intp)
    unknown = bool(np.isnan(distinct).any())

    def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
        counts = count_cells(cells[positions], 2 * size)
        values = ranked(counts[..., size:], counts[..., :size])
        return np.full_like(values, np.nan) if unknown else values

    return measure


def _area(positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    below = negative.cumsum(axis=-1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=-1)
    return divide(wins, positive.sum(axis=-1) * negative.sum(axis=-1))


def _average_precision(positive: NDArray[Any], negative: NDArray[Any]) -> NDArray[np.float64]:
    hits = positive[..., ::-1].cumsum(axis=-1)
    selected = hits + negative[..., ::-1].cumsum(axis=-1)
    precision = divide(hits, selected, otherwise=0)
    total = (positive[..., ::-1] * precision).sum(axis=-1)
    return divide(total, positive.sum(axis=-1))


def _of_two(name: str, ranked: Ranked) -> Callable[[ScoredRows], Measure]:
    def prepare(rows: ScoredRows) -> Measure:
        if rows.positive is None and len(rows.classes) != 2:
            raise SettingsError(
                f"criteria: {name} is for two classes, and there are {len(rows.classes)}: "
                "write roc_auc_ovr"
            )
        label, _ = rows.codes
        code = rows.positive_code
        return _measure_ranked(label == code, probability_of(rows)[:, code], ranked)

    return prepare


def _one_against_rest(
    ranked: Ranked, two: Callable[[ScoredRows], Measure], *, weighted: bool = False
) -> Callable[[ScoredRows], Measure]:
    """The mean over those classes that are defined in a sample."""

    def prepare(rows: ScoredRows) -> Measure:
        if rows.positive is not None or len(rows.classes) == 2:
            return two(rows)
        label, _ = rows.codes
        probability = probability_of(rows)
        classes = range(len(rows.classes))
        measures = [_measure_ranked(label == c, probability[:, c], ranked) for c in classes]

        def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
            values = np.stack([each(positions) for each in measures], axis=-1)
            weights = count_cells(label[positions], len(classes)) if weighted else 1
            weights = np.where(np.isnan(values), 0, weights)
            return divide((np.nan_to_num(values) * weights).sum(axis=-1), weights.sum(axis=-1))

        return measure

    return prepare


def _log_loss(rows: ScoredRows) -> Measure:
    label, _ = rows.codes
    own = probability_of(rows)[np.arange(len(label)), label]
    return mean_of(-np.log(np.clip(own, np.finfo(float).eps, 1)))


def _brier_score(rows: ScoredRows) -> Measure:
    label, _ = rows.codes
    probability = probability_of(rows)
    # Half of the sum for two classes: the squared error of the positive one's probability.
    scale = 0.5 if probability.shape[1] == 2 else 1.0
    actual = np.eye(probability.shape[1])[label]
    return mean_of(scale * ((actual - probability) ** 2).sum(axis=1))


_roc_auc = _of_two("roc_auc", _area)
_two_average_precision = _of_two("average_precision", _average_precision)

METRICS = [
    Metric("roc_auc", "higher", "classification", _roc_auc, probability=True),
    Metric(
        "roc_auc_ovr",
        "higher",
        "classification",
        _one_against_rest(_area, _roc_auc),
        probability=True,
    ),
    Metric(
        "roc_auc_ovr_weighted",
        "higher",
        "classification",
        _one_against_rest(_area, _roc_auc, weighted=True),
        probability=True,
    ),
    Metric(
        "average_precision",
        "higher",
        "classification",
        _one_against_rest(_average_precision, _two_average_precision),
        probability=True,
    ),
    Metric("log_loss", "lower", "classification", _log_loss, probability=True),
    Metric("brier_score", "lower", "classification", _brier_score, probability=True),
]
