"""What a model leans on, and whom it serves worse."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.compare import THRESHOLD
from nbrelease.quality.criteria import Criteria

REPEATS = 5
ROWS = 1_500
CALIBRATION_BINS = 5


def importance(
    model: Any, features: pd.DataFrame, label: pd.Series, seed: int = 0
) -> list[dict[str, Any]]:
    """Permutation importance: how much ROC AUC is lost when a column is shuffled.

    Args:
        model: a fitted classifier with ``predict_proba``.
        features: held-out rows; at most 1,500 of them are used.
        label: 0 or 1 for each.
        seed: of the choice of rows and of the shuffles.

    Returns:
        One row a feature, the strongest first; ``std`` over five shuffles with seeds of their own,
        and ``best_rank`` and ``worst_rank`` in them, say how far the order can be trusted.
    """
    from sklearn.inspection import permutation_importance

    chosen = np.random.default_rng(seed).permutation(len(features))[:ROWS]
    result = permutation_importance(
        model,
        features.iloc[chosen],
        label.iloc[chosen],
        scoring="roc_auc",
        n_repeats=REPEATS,
        random_state=seed,
    )
    # Shape (features, shuffles): which place a feature takes in each shuffle, from 1.
    ranks = (-result.importances).argsort(axis=0).argsort(axis=0) + 1
    rows = [
        {
            "feature": str(name),
            "mean": float(result.importances_mean[number]),
            "std": float(result.importances_std[number]),
            "best_rank": int(ranks[number].min()),
            "worst_rank": int(ranks[number].max()),
        }
        for number, name in enumerate(features.columns)
    ]
    return sorted(rows, key=lambda row: -row["mean"])


def bands(values: pd.Series, edges: list[float]) -> pd.Series:
    """The band of each value, as text; values outside of all bands get none."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return pd.cut(values, edges, right=False, labels=names)


def fairness(
    label: pd.Series, probability: NDArray[np.float64], features: pd.DataFrame, criteria: Criteria
) -> dict[str, Any] | None:
    """Fairlearn's MetricFrame over the criteria's bands.

    Args:
        label: 0 or 1 for each held-out row.
        probability: of 1, for each.
        features: the rows, with the sensitive column.
        criteria: names column, bands and the smallest group that counts.

    Returns:
        Each group's size and figures; the largest difference and the largest figure of the groups
        that are large enough to count; and each group's calibration curve, [predicted, observed].
        None where the criteria name no column.
    """
    from fairlearn.metrics import MetricFrame, count, false_negative_rate, selection_rate
    from sklearn.metrics import accuracy_score

    def of_classes(metric: Any) -> Any:
        return lambda label, given: metric(label, (given > THRESHOLD).astype(int))

    if criteria.slices is None:
        return None
    group = bands(features[criteria.slices.column], criteria.slices.edges)
    known = group.notna().to_numpy()
    frame = MetricFrame(
        metrics={
            "rows": count,
            "accuracy": of_classes(accuracy_score),
            "selection_rate": of_classes(selection_rate),
            "false_negative_rate": of_classes(false_negative_rate),
            "calibration_error": calibration_error,
            "calibration": _curve,
        },
        y_true=label.to_numpy()[known],
        y_pred=probability[known],
        sensitive_features=group[known].astype(str),
    )
    curves = frame.by_group["calibration"]
    groups = frame.by_group.drop(columns="calibration").astype(float)
    large = groups[groups["rows"] >= criteria.slices.smallest].drop(columns="rows")
    differences = (large.max() - large.min()) if len(large) > 1 else large.max() * 0
    return {
        "sensitive": criteria.slices.column,
        "groups": [
            {
                "group": str(name),
                "rows": int(row["rows"]),
                **{key: float(row[key]) for key in large.columns},
            }
            for name, row in groups.iterrows()
        ],
        "differences": {str(key): float(value) for key, value in differences.items()},
        "most": {str(key): float(value) for key, value in large.max().items()},
        "calibration": {str(name): curve for name, curve in curves.items()},
    }


def calibration_error(label: NDArray[Any], probability: NDArray[np.float64]) -> float:
    """How far the predicted probabilities lie from the observed shares, in the mean of all rows.

    The expected calibration error over five bins with as many rows each (Naeini, Cooper and
    Hauskrecht, AAAI 2015); 0 is perfect.
    """
    bins = _bins(label, probability)
    rows = sum(len(labels) for labels, _ in bins)
    return float(sum(abs(x.mean() - p.mean()) * len(x) for x, p in bins) / rows)


def _curve(label: NDArray[Any], probability: NDArray[np.float64]) -> list[list[float]]:
    return [
        [round(float(p.mean()), 6), round(float(x.mean()), 6)] for x, p in _bins(label, probability)
    ]


def _bins(
    label: NDArray[Any], probability: NDArray[np.float64]
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Labels and probabilities, by rising probability, in bins with as many rows each."""
    label, probability = np.asarray(label), np.asarray(probability)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(CALIBRATION_BINS, len(order)))
    return [(label[part], probability[part]) for part in parts]
