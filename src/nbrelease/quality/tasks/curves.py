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
    """The ROC curve: (false, true positive rate); empty where the label has one class only."""
    from sklearn.metrics import roc_curve

    if positive.all() or not positive.any():
        return []
    false_rate, true_rate, _ = roc_curve(positive, score)
    return _thin_out(false_rate, true_rate)


def precision_recall(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> list[Point]:
    """The precision-recall curve: (recall, precision), by rising recall.

    It begins at the first positive: before it the precision is 0 or undefined, and a line from
    there would look like a drop of the model. Empty where the label has one class only.
    """
    from sklearn.metrics import precision_recall_curve

    if positive.all() or not positive.any():
        return []
    precision, recall, _ = precision_recall_curve(positive, score)
    known = recall > 0
    return _thin_out(recall[known][::-1], precision[known][::-1])


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
    points = [(_round(prediction[i]), _round(label[i])) for i in sample]
    residuals = [(_round(prediction[i]), _round(label[i] - prediction[i])) for i in sample]
    return points, residuals


def errors_by_horizon(rows: ScoredRows, steps_ahead: NDArray[Any]) -> list[Point]:
    """(steps ahead, mean absolute error), by rising steps."""
    label, prediction = rows.numbers
    error = np.abs(label - prediction)
    return [
        (float(step), _round(error[steps_ahead == step].mean()))
        for step in np.unique(steps_ahead[~np.isnan(steps_ahead)])
    ]


def _thin_out(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Point]:
    """At most ``CURVE_POINTS`` points of a curve, with both ends."""
    steps = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
    return [(round(float(x[i]), 6), round(float(y[i]), 6)) for i in steps]


def _round(number: Any) -> float:
    return float(f"{float(number):.6g}")
