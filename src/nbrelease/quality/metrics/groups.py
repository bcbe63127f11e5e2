"""Metrics that compare groups of rows; some of them are neither better nor worse when higher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbrelease.quality.metrics import get_metric
from nbrelease.quality.metrics.classification import is_correct
from nbrelease.quality.metrics.metric import Measure, Metric, divide, mean_of
from nbrelease.quality.metrics.probability import probability_of
from nbrelease.quality.metrics.scorer import measure_each
from nbrelease.quality.predictions import ScoredRows
from nbrelease.records.published import Point

CALIBRATION_BINS = 5


def get_group_metric(name: str, own: Sequence[Metric] = ()) -> Metric:
    """A metric of this module, otherwise :func:`get_metric`."""
    return METRICS.get(name) or get_metric(name, own)


def calibration_curve(actual: NDArray[Any], probability: NDArray[np.float64]) -> list[Point]:
    """(predicted, observed) in bins with the same number of rows."""
    return [
        (round(float(p.mean()), 6), round(float(x.mean()), 6))
        for x, p in _calibration_bins(actual, probability)
    ]


def calibration_error(actual: NDArray[Any], probability: NDArray[np.float64]) -> float:
    """The mean distance between predicted probabilities and observed shares; 0 is perfect.

    The expected calibration error over five bins with the same number of rows (Naeini, Cooper and
    Hauskrecht, AAAI 2015).
    """
    bins = _calibration_bins(actual, probability)
    rows = sum(len(labels) for labels, _ in bins)
    return float(sum(abs(x.mean() - p.mean()) * len(x) for x, p in bins) / rows)


def calibrated_values(rows: ScoredRows) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The outcome of each row and its predicted probability.

    Of the positive one of two classes; of several classes, that the predicted class is correct.
    """
    probability = probability_of(rows)
    if rows.positive is None and len(rows.classes) != 2:
        return is_correct(rows), probability.max(axis=1)
    code = rows.positive_code
    return rows.codes[0] == code, probability[:, code]


def _calibration_bins(
    actual: NDArray[Any], probability: NDArray[np.float64]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Outcomes and their probabilities in bins, by rising probability."""
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(CALIBRATION_BINS, len(order)))
    return [(actual[part], probability[part]) for part in parts]


def _calibration_error(rows: ScoredRows) -> Measure:
    actual, probability = calibrated_values(rows)
    return measure_each(lambda each: calibration_error(actual[each], probability[each]))


def _selection_rate(rows: ScoredRows) -> Measure:
    return mean_of(rows.codes[1] == rows.positive_code)


def _false_negative_rate(rows: ScoredRows) -> Measure:
    label, prediction = rows.codes
    positive = label == rows.positive_code
    missed = positive & (prediction != rows.positive_code)
    return lambda each: divide(missed[each].sum(axis=-1), positive[each].sum(axis=-1), 0)


def _mean_prediction(rows: ScoredRows) -> Measure:
    return mean_of(rows.numbers[1])


def _mean_error(rows: ScoredRows) -> Measure:
    label, prediction = rows.numbers
    return mean_of(prediction - label)


METRICS = {
    each.name: each
    for each in (
        Metric("selection_rate", "higher", "classification", _selection_rate),
        Metric("false_negative_rate", "lower", "classification", _false_negative_rate),
        Metric("calibration_error", "lower", "classification", _calibration_error, True),
        Metric("mean_prediction", "higher", "regression", _mean_prediction),
        Metric("mean_error", "lower", "regression", _mean_error),
    )
}
