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
        One row a feature, the strongest first; ``std`` over five shuffles with seeds of their own
        says how far the order can be trusted.
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
    rows = [
        {"feature": str(name), "mean": float(mean), "std": float(std)}
        for name, mean, std in zip(
            features.columns, result.importances_mean, result.importances_std, strict=True
        )
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
        Each group's size and figures, and the largest difference between groups that are large
        enough to count; None where the criteria name no column.
    """
    from fairlearn.metrics import MetricFrame, count, false_negative_rate, selection_rate
    from sklearn.metrics import accuracy_score

    if criteria.slices is None:
        return None
    said = (probability > THRESHOLD).astype(int)
    group = bands(features[criteria.slices.column], criteria.slices.edges)
    known = group.notna().to_numpy()
    frame = MetricFrame(
        metrics={
            "rows": count,
            "accuracy": accuracy_score,
            "selection_rate": selection_rate,
            "false_negative_rate": false_negative_rate,
        },
        y_true=label.to_numpy()[known],
        y_pred=said[known],
        sensitive_features=group[known].astype(str),
    )
    groups = frame.by_group
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
    }
