"""Challenger against champion, on the same held-out rows.

Differences are paired: both models see the same bootstrap samples, so that what the rows have in
common cancels out (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). Two classifiers'
accuracies are compared by McNemar's exact test on the rows that only one of them gets right.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Criteria

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]
Interval = list[float]

THRESHOLD = 0.5
RESAMPLES = 999
CURVE_POINTS = 60


def accuracy(label: Labels, probability: Probabilities, axis: int = -1) -> Any:
    """Share of the rows that are classified right at the threshold of 0.5."""
    return np.mean((probability > THRESHOLD) == (label == 1), axis=axis)


def roc_auc(label: Labels, probability: Probabilities, axis: int = -1) -> Any:
    """Area under the ROC curve, by the ranks of the positives; nan with one class only.

    Equal to scikit-learn's, and takes many samples at once along ``axis``.
    """
    ranks = stats.rankdata(probability, axis=axis)
    positive = label == 1
    count = positive.sum(axis=axis).astype(float)
    other = label.shape[axis] - count
    total = np.where(positive, ranks, 0).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total - count * (count + 1) / 2) / (count * other)


METRICS: dict[str, Callable[..., Any]] = {"accuracy": accuracy, "roc_auc": roc_auc}


def compare(
    label: Labels,
    challenger: Probabilities,
    champion: Probabilities | None,
    *,
    version: str | None,
    features: pd.DataFrame,
    criteria: Criteria,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a challenger, and the champion where there is one.

    Args:
        label: 0 or 1 for each held-out row, shape (rows,).
        challenger: the probability of 1 for each, shape (rows,).
        champion: the same of the model that is live; None before the first release.
        version: the champion's model version.
        features: the rows themselves, for the slices.
        criteria: which slices, and the confidence of the intervals.
        seed: of the bootstrap.

    Returns:
        What runbooks publish as ``comparison``: metrics with intervals, McNemar's test, slices,
        curves.
    """
    level = criteria.confidence
    return {
        "rows": len(label),
        "champion": None if champion is None else {"version": version},
        "confidence": level,
        "metrics": [
            _metric(name, label, challenger, champion, level=level, seed=seed) for name in METRICS
        ],
        "mcnemar": None if champion is None else mcnemar(label, challenger, champion),
        "slices": _slices(label, challenger, champion, features, criteria, seed),
        "curves": {
            "challenger": curves(label, challenger),
            "champion": None if champion is None else curves(label, champion),
        },
    }


def mcnemar(label: Labels, challenger: Probabilities, champion: Probabilities) -> dict[str, Any]:
    """McNemar's exact test of two classifiers on the same rows.

    Returns:
        How many rows only one of them gets right, and the two-sided p-value of the null hypothesis
        that both are right equally often (McNemar 1947; exact binomial form).
    """
    ours = (challenger > THRESHOLD) == (label == 1)
    theirs = (champion > THRESHOLD) == (label == 1)
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    both = only_ours + only_theirs
    p_value = float(stats.binomtest(only_ours, both, 0.5).pvalue) if both else 1.0
    return {"challenger_only": only_ours, "champion_only": only_theirs, "p_value": p_value}


def curves(label: Labels, probability: Probabilities) -> dict[str, Any]:
    """ROC and calibration curve and the confusion matrix, as small lists of numbers."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(label[order] == 1)
    misses = np.arange(1, len(label) + 1) - hits
    steps = np.unique(np.linspace(0, len(label) - 1, CURVE_POINTS).astype(int))
    roc = [[0.0, 0.0]]
    roc += [
        [_share(misses[i], misses[-1]), _share(hits[i], hits[-1])] for i in steps
    ]  # fmt: skip
    bins = np.clip((probability * 10).astype(int), 0, 9)
    calibration = [
        [round(float(probability[bins == b].mean()), 6), round(float(label[bins == b].mean()), 6)]
        for b in range(10)
        if (bins == b).any()
    ]
    said = (probability > THRESHOLD).astype(int)
    confusion = [[int(((label == a) & (said == b)).sum()) for b in (0, 1)] for a in (0, 1)]
    return {"roc": roc, "calibration": calibration, "confusion": confusion}


def _share(part: Any, whole: Any) -> float:
    return round(float(part) / float(whole), 6) if whole else 0.0


def _metric(
    name: str,
    label: Labels,
    challenger: Probabilities,
    champion: Probabilities | None,
    *,
    level: float,
    seed: int,
) -> dict[str, Any]:
    measure = METRICS[name]

    def interval(*samples: NDArray[Any]) -> Interval | None:
        return _interval(measure, *samples, level=level, seed=seed)

    row: dict[str, Any] = {
        "name": name,
        "challenger": float(measure(label, challenger)),
        "challenger_interval": interval(label, challenger),
        "champion": None,
        "champion_interval": None,
        "difference": None,
        "difference_interval": None,
    }
    if champion is not None:
        row["champion"] = float(measure(label, champion))
        row["champion_interval"] = interval(label, champion)
        row["difference"] = row["challenger"] - row["champion"]
        row["difference_interval"] = _difference(
            name, label, challenger, champion, level=level, seed=seed
        )
    return row


def _difference(
    name: str,
    label: Labels,
    challenger: Probabilities,
    champion: Probabilities,
    *,
    level: float,
    seed: int,
) -> Interval | None:
    """The interval of challenger minus champion on the same rows."""
    measure = METRICS[name]

    def difference(a: Labels, b: Probabilities, c: Probabilities, axis: int = -1) -> Any:
        return measure(a, b, axis=axis) - measure(a, c, axis=axis)

    return _interval(difference, label, challenger, champion, level=level, seed=seed)


def _interval(
    statistic: Callable[..., Any], *samples: NDArray[Any], level: float, seed: int
) -> Interval | None:
    """Percentile bootstrap: rows are drawn together, so the pairs stay pairs."""
    result = stats.bootstrap(
        samples,
        statistic,
        paired=True,
        vectorized=True,
        confidence_level=level,
        n_resamples=RESAMPLES,
        batch=111,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return [float(low), float(high)] if np.isfinite([low, high]).all() else None


def _slices(
    label: Labels,
    challenger: Probabilities,
    champion: Probabilities | None,
    features: pd.DataFrame,
    criteria: Criteria,
    seed: int,
) -> list[dict[str, Any]]:
    if criteria.slices is None:
        return []
    column, edges = criteria.slices.column, criteria.slices.edges
    if column not in features:
        raise SettingsError(
            f"criteria: nothing measures slices.column {column}; the rows have "
            f"{', '.join(map(str, features))}"
        )
    relative = [x.metric for x in criteria.slices.limits if (x.margin, x.loss) != (None, None)]
    values = features[column].to_numpy(dtype=float)
    rows = []
    for low, high in pairwise(edges):
        inside = (values >= low) & (values < high)
        if not inside.any():
            continue
        rows.append(
            {
                "slice": f"{column} {low:g} to {high:g}",
                "rows": int(inside.sum()),
                "metrics": _measured(label[inside], challenger[inside]),
                "champion_metrics": None
                if champion is None
                else _measured(label[inside], champion[inside]),
                "difference_intervals": None
                if champion is None or inside.sum() < criteria.slices.smallest
                else {
                    name: _difference(
                        name,
                        label[inside],
                        challenger[inside],
                        champion[inside],
                        level=criteria.confidence,
                        seed=seed,
                    )
                    for name in relative
                    if name in METRICS
                },
            }
        )
    return rows


def _measured(label: Labels, probability: Probabilities) -> dict[str, float | None]:
    values = {name: float(measure(label, probability)) for name, measure in METRICS.items()}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
