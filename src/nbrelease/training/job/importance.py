"""Permutation importance by the main metric; needs scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .evaluation import find_classes, find_positive, read_label
from .model import EvaluatedModel, plain_values
from .settings import Settings

IMPORTANCE_ROWS = 1_500
IMPORTANCE_REPEATS = 5
SEED = 0


def measure_importance(
    model: EvaluatedModel, held_out: pd.DataFrame, settings: Settings, own_metric: Any = None
) -> list[dict[str, Any]]:
    """Permutation importance: the loss of the main metric when a column is shuffled.

    Args:
        model: to be evaluated.
        held_out: rows with the label; at most 1,500 of them are used.
        settings: with the main metric.
        own_metric: the function of ``main.py`` with that metric's name, if it is one.

    Returns:
        For each feature ``mean`` and ``std`` over five shuffles, and its best and worst rank.
    """
    from sklearn.inspection import permutation_importance

    rows = np.random.default_rng(SEED).permutation(len(held_out))[:IMPORTANCE_ROWS]
    features = model.features(held_out.drop(columns=settings.label_column)).iloc[rows]
    label = read_label(held_out, settings)
    classes = find_classes(model, label, settings)  # of all rows: a rare one may not be drawn
    # Functions of the notebook get the classes as they are, scikit-learn's get 0 and 1.
    positive = None if own_metric else find_positive(classes, settings)
    estimator = _make_estimator(model, features, classes, positive)
    result = permutation_importance(
        estimator,
        features,
        estimator.encode(label[rows]),
        scoring=_find_scorer(settings, own_metric),
        n_repeats=IMPORTANCE_REPEATS,
        random_state=SEED,
    )
    # Shape (features, shuffles): the rank of each feature in each shuffle, from 1.
    ranks = (-result.importances).argsort(axis=0).argsort(axis=0) + 1
    importance = [
        {
            "feature": str(name),
            "mean": float(result.importances_mean[number]),
            "std": float(result.importances_std[number]),
            "best_rank": int(ranks[number].min()),
            "worst_rank": int(ranks[number].max()),
        }
        for number, name in enumerate(features.columns)
    ]
    return sorted(importance, key=lambda each: -float(each["mean"]))


class _Estimator:
    """A model as scikit-learn's scorers call it; the positive class of two is 1, the other 0."""

    def __init__(self, model: EvaluatedModel, classes: list[Any], positive: str | None) -> None:
        self._model, self._classes, self._positive = model, classes, positive
        self.classes_ = np.asarray(classes if positive is None else [0, 1])

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        if self._positive is None:
            return values
        return np.asarray(
            [str(value) == self._positive for value in plain_values(values)], dtype=int
        )

    def fit(self, *_: Any) -> None:
        """Never called; permutation_importance accepts only objects that have it."""
        raise NotImplementedError

    def predict(self, features: pd.DataFrame) -> NDArray[Any]:
        return self.encode(self._model.score(features, self._classes).prediction)


class _ProbabilityEstimator(_Estimator):
    """The same of a classifier that has probabilities."""

    def predict_proba(self, features: pd.DataFrame) -> NDArray[np.float64]:
        probability = np.asarray(self._model.score(features, self._classes).probability)
        if self._positive is None:
            return probability
        number = [str(name) for name in self._classes].index(self._positive)
        return np.column_stack([1 - probability[:, number], probability[:, number]])


def _make_estimator(
    model: EvaluatedModel, features: pd.DataFrame, classes: list[Any], positive: str | None
) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    scores = model.score(features.head(2), classes)
    base = _Estimator if scores.probability is None else _ProbabilityEstimator
    mixin = ClassifierMixin if classes else RegressorMixin
    kind = type("ScoredModel", (base, mixin, BaseEstimator), {})
    return kind(model, classes, positive)


def _find_scorer(settings: Settings, own_metric: Any) -> Any:
    from sklearn.metrics import get_scorer, get_scorer_names

    if own_metric is None:
        negative = f"neg_{settings.metric}"
        return get_scorer(negative if negative in get_scorer_names() else settings.metric)
    sign = -1 if settings.own_metrics[settings.metric] == "lower" else 1

    def score(estimator: Any, features: pd.DataFrame, label: NDArray[Any]) -> float:
        values = [label, estimator.predict(features)]
        if "probability" in inspect.signature(own_metric).parameters:
            values.append(estimator.predict_proba(features))
        try:
            return sign * float(own_metric(*values))
        except Exception as error:
            reason = f"metric {settings.metric}: {type(error).__name__}: {error}"
            raise ValueError(reason) from error

    return score
