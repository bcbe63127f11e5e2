"""Metrics of predicted classes: all of them follow from the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics.metric import Measure, Metric, count_cells, divide, mean_of
from nbrelease.quality.predictions import ScoredRows

Counts = NDArray[np.float64]
Rate = Callable[[Counts, Counts, Counts], tuple[Counts, Counts]]

# Numerator and denominator from true positives, false positives and false negatives.
RATES: dict[str, Rate] = {
    "f1": lambda tp, fp, fn: (2 * tp, 2 * tp + fp + fn),
    "precision": lambda tp, fp, fn: (tp, tp + fp),
    "recall": lambda tp, fp, fn: (tp, tp + fn),
    "jaccard": lambda tp, fp, fn: (tp, tp + fp + fn),
}


def confusion(rows: ScoredRows) -> Callable[[NDArray[np.intp]], NDArray[np.float64]]:
    """Confusion matrices, of shape (..., classes, classes): by actual and by predicted class."""
    label, prediction = rows.codes
    classes = len(rows.classes)
    cells = label * classes + prediction

    def count(positions: NDArray[np.intp]) -> NDArray[np.float64]:
        counts = count_cells(cells[positions], classes**2)
        return counts.reshape(*positions.shape[:-1], classes, classes).astype(float)

    return count


def is_correct(rows: ScoredRows) -> NDArray[np.bool_]:
    """Whether each row is classified correctly."""
    label, prediction = rows.codes
    return np.equal(label, prediction)


def _accuracy(rows: ScoredRows) -> Measure:
    return mean_of(is_correct(rows))


def _balanced_accuracy(rows: ScoredRows) -> Measure:
    count = confusion(rows)

    def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
        matrix = count(positions)
        actual = matrix.sum(axis=-1)
        recall = divide(_diagonal(matrix), actual, otherwise=0)
        return divide(recall.sum(axis=-1), (actual > 0).sum(axis=-1))

    return measure


def _matthews_corrcoef(rows: ScoredRows) -> Measure:
    count = confusion(rows)

    def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
        matrix = count(positions)
        actual, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
        total = actual.sum(axis=-1)
        covariance = _diagonal(matrix).sum(axis=-1) * total - (actual * predicted).sum(axis=-1)
        variances = [total**2 - (each**2).sum(axis=-1) for each in (actual, predicted)]
        return divide(covariance, np.sqrt(variances[0] * variances[1]), otherwise=0)

    return measure


def _rate(name: str, average: str) -> Callable[[ScoredRows], Measure]:
    rate = RATES[name]

    def prepare(rows: ScoredRows) -> Measure:
        if not average and rows.positive is None and len(rows.classes) != 2:
            raise SettingsError(
                f"criteria: {name} is for two classes, and there are {len(rows.classes)}: write "
                f"{name}_macro, {name}_micro or {name}_weighted"
            )
        count = confusion(rows)

        def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
            matrix = count(positions)
            hits = _diagonal(matrix)
            actual = matrix.sum(axis=-1)
            counts = [hits, matrix.sum(axis=-2) - hits, actual - hits]
            if not average:
                counts = [each[..., rows.positive_code] for each in counts]
            elif average == "micro":
                counts = [each.sum(axis=-1) for each in counts]
            # Zero without any such row, as in scikit-learn.
            values = divide(*rate(*counts), otherwise=0)
            if average == "macro":
                occurs = sum(counts) > 0
                return divide((values * occurs).sum(axis=-1), occurs.sum(axis=-1))
            if average == "weighted":
                return divide((values * actual).sum(axis=-1), actual.sum(axis=-1))
            return values

        return measure

    return prepare


def _diagonal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


METRICS = [
    Metric("accuracy", "higher", "classification", _accuracy),
    Metric("balanced_accuracy", "higher", "classification", _balanced_accuracy),
    Metric("matthews_corrcoef", "higher", "classification", _matthews_corrcoef),
    *(
        Metric(
            f"{name}_{average}" if average else name,
            "higher",
            "classification",
            _rate(name, average),
        )
        for name in RATES
        for average in ("", "macro", "micro", "weighted")
    ),
]
