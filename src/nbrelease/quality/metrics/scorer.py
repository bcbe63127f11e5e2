"""Any other scorer of scikit-learn, on one sample at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics.metric import SINGLE_RESAMPLES, Measure, Metric
from nbrelease.quality.predictions import ScoredRows

REGRESSION = {"d2_absolute_error_score"}
"""The scorers of regressions that are not vectorized here; the others are of classifiers."""
PROBABILITY = {
    "d2_brier_score", "d2_log_loss_score", "roc_auc_ovo", "roc_auc_ovo_weighted", "top_k_accuracy",
}  # fmt: skip
"""The scorers that are not vectorized here and need probabilities."""


def make_scorer_metric(name: str, scorer_name: str) -> Metric:
    """A scorer as a metric; a sample on which it is undefined gives nan.

    Args:
        name: of the metric.
        scorer_name: with ``neg_`` where lower values are better.
    """
    sign = -1 if scorer_name.startswith("neg_") else 1

    def prepare(rows: ScoredRows) -> Measure:
        score = _make_score(rows, scorer_name, sign)
        try:
            score(np.arange(len(rows.label)))
        except (ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise SettingsError(f"criteria: {name} cannot be measured: {reason}") from None
        return measure_each(score)

    return Metric(
        name,
        "lower" if sign < 0 else "higher",
        "regression" if name in REGRESSION else "classification",
        prepare,
        probability=name in PROBABILITY,
        resamples=SINGLE_RESAMPLES,
    )


def measure_each(score: Callable[[NDArray[np.intp]], float]) -> Measure:
    """The measure that calls a function for each sample; nan where it raises ValueError."""

    def score_or_nan(positions: NDArray[np.intp]) -> float:
        try:
            return score(positions)
        except ValueError:  # such as a sample with one class only
            return np.nan

    def measure(positions: NDArray[np.intp]) -> NDArray[np.float64]:
        samples = positions.reshape(-1, positions.shape[-1])
        values = np.array([score_or_nan(each) for each in samples], dtype=float)
        return values.reshape(positions.shape[:-1])

    return measure


def _make_score(
    rows: ScoredRows, scorer_name: str, sign: int
) -> Callable[[NDArray[np.intp]], float]:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.metrics import get_scorer

    label, prediction, probability = _values(rows)

    # The rows of this model are their positions.
    def predict(_: Any, positions: NDArray[np.intp]) -> NDArray[Any]:
        return prediction[positions[:, 0]]

    members: dict[str, Any] = {"predict": predict}
    if rows.classes:
        members["classes_"] = np.arange(2 if rows.positive is not None else len(rows.classes))
    if probability is not None:

        def predict_proba(_: Any, positions: NDArray[np.intp]) -> NDArray[np.float64]:
            return probability[positions[:, 0]]

        members["predict_proba"] = predict_proba
    mixin: Any = ClassifierMixin if rows.classes else RegressorMixin
    estimator = type("ScoredModel", (mixin, BaseEstimator), members)()
    scorer = get_scorer(scorer_name)

    def score(positions: NDArray[np.intp]) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of undefined values: they are nan or zero
            return sign * float(scorer(estimator, positions[:, None], label[positions]))

    return score


def _values(rows: ScoredRows) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """Label, predictions and probabilities; 1 is the positive one of two classes."""
    if not rows.classes:
        return (*rows.numbers, None)
    label, prediction = rows.codes
    probability = rows.scores.probability
    if rows.positive is None:
        return label, prediction, probability
    code = rows.positive_code
    if probability is not None:
        probability = np.column_stack([1 - probability[:, code], probability[:, code]])
    return (label == code).astype(int), (prediction == code).astype(int), probability
