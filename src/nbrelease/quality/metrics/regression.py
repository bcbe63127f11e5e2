"""Metrics of predicted numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics.metric import Measure, Metric, divide, mean_of
from nbrelease.quality.predictions import ScoredRows

Numbers = NDArray[np.float64]
Loss = Callable[[Numbers, Numbers], Numbers]
"""From labels and predictions to the loss of each row."""


def _squared_error(label: Numbers, prediction: Numbers) -> Numbers:
    return (label - prediction) ** 2


def _absolute_error(label: Numbers, prediction: Numbers) -> Numbers:
    return np.abs(label - prediction)


def _percentage_error(label: Numbers, prediction: Numbers) -> Numbers:
    return np.abs(label - prediction) / np.maximum(np.abs(label), np.finfo(float).eps)


def _squared_log_error(label: Numbers, prediction: Numbers) -> Numbers:
    if min(label.min(), prediction.min()) <= -1:
        raise SettingsError("a squared log error needs labels and predictions above -1")
    return (np.log1p(label) - np.log1p(prediction)) ** 2


def _poisson_deviance(label: Numbers, prediction: Numbers) -> Numbers:
    if label.min() < 0 or prediction.min() <= 0:
        raise SettingsError("mean_poisson_deviance needs labels >= 0 and predictions > 0")
    deviance: Numbers = 2 * (xlogy(label, label / prediction) - label + prediction)
    return deviance


def _gamma_deviance(label: Numbers, prediction: Numbers) -> Numbers:
    if label.min() <= 0 or prediction.min() <= 0:
        raise SettingsError("mean_gamma_deviance needs labels and predictions > 0")
    deviance: Numbers = 2 * (np.log(prediction / label) + label / prediction - 1)
    return deviance


def _mean(loss: Loss) -> Callable[[ScoredRows], Measure]:
    return lambda rows: mean_of(loss(*rows.numbers))


def _root_mean(loss: Loss) -> Callable[[ScoredRows], Measure]:
    def prepare(rows: ScoredRows) -> Measure:
        mean = mean_of(loss(*rows.numbers))
        return lambda positions: np.sqrt(mean(positions))

    return prepare


def _reduce(function: Any) -> Callable[[ScoredRows], Measure]:
    def prepare(rows: ScoredRows) -> Measure:
        error = _absolute_error(*rows.numbers)
        return lambda positions: function(error[positions], axis=-1)

    return prepare


def _prepare_explained_variance(*, centered: bool) -> Callable[[ScoredRows], Measure]:
    """One minus the errors' share of the label's variance; the errors' own mean counts or not."""

    def prepare(rows: ScoredRows) -> Measure:
        label, prediction = rows.numbers
        error, deviation = label - prediction, label - label.mean()
        if centered:
            error = error - error.mean()
        spread = np.mean(deviation**2)

        def measure(positions: NDArray[np.intp]) -> Numbers:
            errors = error[positions]
            residual = _variance(errors) if centered else _mean_square(errors)
            total = _variance(deviation[positions])
            # Rounding does not give exactly zero for a constant label.
            if (total <= 1e-12 * spread).any():
                labels = label[positions]
                total = np.where(labels.max(axis=-1) == labels.min(axis=-1), 0, total)
            perfect = np.where(residual == 0, 1.0, 0.0)  # of a constant label, as in scikit-learn
            values = np.where(total == 0, perfect, 1 - divide(residual, total))
            return values if positions.shape[-1] > 1 else np.full_like(values, np.nan)

        return measure

    return prepare


def _mean_square(values: Numbers) -> Numbers:
    mean: Numbers = np.einsum("...i,...i->...", values, values) / values.shape[-1]
    return mean


def _variance(values: Numbers) -> Numbers:
    """The variance in one pass; the values are centered already, so that it loses no digits."""
    variance: Numbers = np.maximum(_mean_square(values) - values.mean(axis=-1) ** 2, 0)
    return variance


_LOWER = {
    "mean_absolute_error": _mean(_absolute_error),
    "mean_squared_error": _mean(_squared_error),
    "root_mean_squared_error": _root_mean(_squared_error),
    "mean_absolute_percentage_error": _mean(_percentage_error),
    "mean_squared_log_error": _mean(_squared_log_error),
    "root_mean_squared_log_error": _root_mean(_squared_log_error),
    "mean_poisson_deviance": _mean(_poisson_deviance),
    "mean_gamma_deviance": _mean(_gamma_deviance),
    "median_absolute_error": _reduce(np.median),
    "max_error": _reduce(np.max),
}

METRICS = [
    *(Metric(name, "lower", "regression", prepare) for name, prepare in _LOWER.items()),
    Metric("r2", "higher", "regression", _prepare_explained_variance(centered=False)),
    Metric(
        "explained_variance", "higher", "regression", _prepare_explained_variance(centered=True)
    ),
]
