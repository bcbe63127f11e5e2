"""Feature importance, and fairness between the slices of the criteria file."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.compare import THRESHOLD
from nbrelease.quality.criteria import Criteria
from nbrelease.records.published import Fairness, Importance, Point

REPEATS = 5
MAXIMUM_ROWS = 1_500
CALIBRATION_BINS = 5


def measure_importance(
    model: Any, features: pd.DataFrame, label: pd.Series, seed: int = 0
) -> list[Importance]:
    """Permutation importance: the loss of ROC AUC when a column is shuffled.

    Args:
        model: a fitted classifier with ``predict_proba``.
        features: held-out rows; at most 1,500 of them are used.
        label: 0 or 1 for each row.
        seed: of the choice of rows and of the shuffles.

    Returns:
        One result for each feature, the largest first. ``std`` over five shuffles, ``best_rank``
        and ``worst_rank`` show how stable the order is.
    """
    from sklearn.inspection import permutation_importance

    rows = np.random.default_rng(seed).permutation(len(features))[:MAXIMUM_ROWS]
    result = permutation_importance(
        model,
        features.iloc[rows],
        label.iloc[rows],
        scoring="roc_auc",
        n_repeats=REPEATS,
        random_state=seed,
    )
    # Shape (features, shuffles): the rank of each feature in each shuffle, from 1.
    ranks = (-result.importances).argsort(axis=0).argsort(axis=0) + 1
    importances = [
        Importance(
            feature=str(name),
            mean=float(result.importances_mean[number]),
            std=float(result.importances_std[number]),
            best_rank=int(ranks[number].min()),
            worst_rank=int(ranks[number].max()),
        )
        for number, name in enumerate(features.columns)
    ]
    return sorted(importances, key=lambda each: -each.mean)


def measure_fairness(
    label: pd.Series, probability: NDArray[np.float64], features: pd.DataFrame, criteria: Criteria
) -> Fairness | None:
    """Measure groups of the held-out rows, with fairlearn's MetricFrame.

    Args:
        label: 0 or 1 for each row.
        probability: of 1, for each row.
        features: the rows, with the sensitive column.
        criteria: its ``slices`` are the groups.

    Returns:
        Size and metrics of each group; the largest difference and the largest value of each metric
        among the groups that are large enough; the calibration curve of each group. None where the
        criteria have no slices.
    """
    from fairlearn.metrics import MetricFrame, count, false_negative_rate, selection_rate
    from sklearn.metrics import accuracy_score

    def classify(metric: Any) -> Any:
        return lambda label, probability: metric(label, (probability > THRESHOLD).astype(int))

    if criteria.slices is None:
        return None
    group = _assign_slices(features[criteria.slices.column], criteria.slices.edges)
    known = group.notna().to_numpy()
    frame = MetricFrame(
        metrics={
            "rows": count,
            "accuracy": classify(accuracy_score),
            "selection_rate": classify(selection_rate),
            "false_negative_rate": classify(false_negative_rate),
            "calibration_error": calibration_error,
            "calibration": _calibration_curve,
        },
        y_true=label.to_numpy()[known],
        y_pred=probability[known],
        sensitive_features=group[known].astype(str),
    )
    curves = frame.by_group["calibration"]
    groups = frame.by_group.drop(columns="calibration").astype(float)
    large = groups[groups["rows"] >= criteria.slices.smallest].drop(columns="rows")
    differences = (large.max() - large.min()) if len(large) > 1 else large.max() * 0
    return Fairness(
        sensitive=criteria.slices.column,
        groups=[
            {
                "group": str(name),
                "rows": int(row["rows"]),
                **{key: float(row[key]) for key in large.columns},
            }
            for name, row in groups.iterrows()
        ],
        differences={str(key): float(value) for key, value in differences.items()},
        most={str(key): float(value) for key, value in large.max().items()},
        calibration={str(name): curve for name, curve in curves.items()},
    )


def calibration_error(label: NDArray[Any], probability: NDArray[np.float64]) -> float:
    """The mean distance between predicted probabilities and observed shares; 0 is perfect.

    The expected calibration error over five bins with the same number of rows (Naeini, Cooper and
    Hauskrecht, AAAI 2015).
    """
    bins = _calibration_bins(label, probability)
    rows = sum(len(labels) for labels, _ in bins)
    return float(sum(abs(x.mean() - p.mean()) * len(x) for x, p in bins) / rows)


def _assign_slices(values: pd.Series, edges: list[float]) -> pd.Series:
    """The name of each value's slice; values outside of all slices get none."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return pd.cut(values, edges, right=False, labels=names)


def _calibration_curve(label: NDArray[Any], probability: NDArray[np.float64]) -> list[Point]:
    return [
        (round(float(p.mean()), 6), round(float(x.mean()), 6))
        for x, p in _calibration_bins(label, probability)
    ]


def _calibration_bins(
    label: NDArray[Any], probability: NDArray[np.float64]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Labels and probabilities in bins with the same number of rows, by rising probability."""
    label, probability = np.asarray(label), np.asarray(probability)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(CALIBRATION_BINS, len(order)))
    return [(label[part], probability[part]) for part in parts]
