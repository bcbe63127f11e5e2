"""Points of the charts of one model; few enough to be published."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbrelease.quality.metrics import classification
from nbrelease.quality.predictions import ScoredRows
from nbrelease.records.published import Point

CURVE_POINTS = 60
SAMPLE_POINTS = 400
CALIBRATION_BINS = 10


def roc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> list[Point]:
    """The ROC curve: (false, true positive rate)."""
    hits, misses, steps = _ranked(positive, score)
    rates = [(_share(misses[i], misses[-1]), _share(hits[i], hits[-1])) for i in steps]
    return [(0.0, 0.0), *rates]


def precision_recall(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> list[Point]:
    """The precision-recall curve: (recall, precision)."""
    hits, misses, steps = _ranked(positive, score)
    return [(_share(hits[i], hits[-1]), _share(hits[i], hits[i] + misses[i])) for i in steps]


def calibration(actual: NDArray[Any], probability: NDArray[np.float64]) -> list[Point]:
    """Mean predicted probability and observed share, in bins of the same width."""
    bins = np.clip((probability * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)
    return [
        (round(float(probability[bins == b].mean()), 6), round(float(actual[bins == b].mean()), 6))
        for b in range(CALIBRATION_BINS)
        if (bins == b).any()
    ]


def confusion(rows: ScoredRows) -> list[list[int]]:
    """The confusion matrix: a line for each actual class."""
    matrix = classification.confusion(rows)(np.arange(len(rows.label)))
    return [[int(count) for count in line] for line in matrix]


def predicted_actual(rows: ScoredRows) -> tuple[list[Point], list[Point]]:
    """(predicted, actual) and (predicted, actual minus predicted) of a sample of the rows.

    The sample is every n-th row by rising prediction, so that it covers their whole range.
    """
    label, prediction = rows.numbers
    order = np.argsort(prediction, kind="stable")
    steps = np.unique(np.linspace(0, len(order) - 1, SAMPLE_POINTS).astype(int))
    sample = order[steps]
    points = [(_rounded(prediction[i]), _rounded(label[i])) for i in sample]
    residuals = [(_rounded(prediction[i]), _rounded(label[i] - prediction[i])) for i in sample]
    return points, residuals


def errors_by_horizon(rows: ScoredRows, steps_ahead: NDArray[Any]) -> list[Point]:
    """(steps ahead, mean absolute error), by rising steps."""
    label, prediction = rows.numbers
    error = np.abs(label - prediction)
    return [
        (float(step), _rounded(error[steps_ahead == step].mean()))
        for step in np.unique(steps_ahead[~np.isnan(steps_ahead)])
    ]


def _ranked(
    positive: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], list[int]]:
    """Positives and negatives from each rank on upwards, and the ranks that are points."""
    order = np.argsort(-score, kind="stable")
    hits: NDArray[np.intp] = np.cumsum(positive[order])
    misses = np.arange(1, len(order) + 1) - hits
    steps = np.unique(np.linspace(0, len(order) - 1, CURVE_POINTS).astype(int))
    return hits, misses, steps.tolist()


def _rounded(number: Any) -> float:
    return float(f"{float(number):.6g}")


def _share(part: Any, whole: Any) -> float:
    return round(float(part) / float(whole), 6) if whole else 0.0
