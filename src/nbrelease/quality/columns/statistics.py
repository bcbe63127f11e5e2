"""Tests and effect sizes for two samples, which the kinds of columns share."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nbrelease.quality.columns.kind import Bars
from nbrelease.quality.criteria import Monitor
from nbrelease.quality.finding import Finding
from nbrelease.quality.values import format_value

MINIMUM_EXPECTED = 5
"""Categories with fewer expected rows are combined, as the chi-square test requires."""
BINS = 10
FIGURE_BINS = 30
FIGURE_CATEGORIES = 10
MINIMUM_SHARE = 1e-4
"""An empty bin or category would make the stability index infinite."""


def compare_numbers(
    name: str,
    before: NDArray[np.float64],
    now: NDArray[np.float64],
    limits: Monitor,
    *,
    question: str = "distribution",
    summaries: tuple[str, str] | None = None,
) -> Finding:
    """Kolmogorov-Smirnov test of two samples; Wasserstein distance and stability index as effects.

    The distance is in standard deviations of ``before``; a constant has a standard deviation of 1.

    Args:
        name: of the column.
        before: finite numbers of shape (rows,).
        now: the same, of shape (other rows,).
        limits: of the criteria file.
        question: what the numbers are.
        summaries: of both samples; None: mean and standard deviation.
    """
    result = stats.ks_2samp(before, now)
    deviation = float(np.std(before)) or 1.0
    texts = summaries or (_describe_mean(before), _describe_mean(now))
    return Finding(
        column=name,
        question=question,
        test="Kolmogorov-Smirnov",
        statistic=float(result.statistic),
        p_value=float(result.pvalue),
        effects={
            "wasserstein": float(stats.wasserstein_distance(before, now)) / deviation,
            "psi": stability_index(before, now),
        },
        limits={"wasserstein": limits.wasserstein, "psi": limits.psi},
        before=texts[0],
        now=texts[1],
    )


def compare_categories(
    name: str, before: pd.Series, now: pd.Series, limits: Monitor, question: str = "distribution"
) -> Finding:
    """Chi-square test of two samples of categories; Cramér's V and stability index as effects."""
    table = count_categories(before, now)
    share = table["before"].sum() / max(table.to_numpy().sum(), 1)
    expected = table.sum(axis=1) * min(share, 1 - share)
    rare = table[expected < MINIMUM_EXPECTED].sum()
    counts = table[expected >= MINIMUM_EXPECTED].to_numpy(float)
    if rare.sum():
        counts = np.vstack([counts, rare.to_numpy(float)])
    statistic, p_value = 0.0, 1.0
    if len(counts) > 1:
        result = stats.chi2_contingency(counts, correction=False)
        statistic, p_value = float(result.statistic), float(result.pvalue)
    return Finding(
        column=name,
        question=question,
        test="chi-square",
        statistic=statistic,
        p_value=p_value,
        effects={
            "cramers_v": float(np.sqrt(statistic / counts.sum())),
            "psi": category_stability_index(before, now),
        },
        limits={"cramers_v": limits.cramers_v, "psi": limits.psi},
        before=_describe_mode(table["before"]),
        now=_describe_mode(table["now"]),
    )


def compare_shares(
    name: str, question: str, before: tuple[int, int], now: tuple[int, int], limit: float
) -> Finding:
    """Fisher's exact test of two shares, one-sided; the effect is the increase of the share.

    Args:
        name: of the column.
        question: what is counted.
        before: the count and the total, in the reference.
        now: the same in the current rows.
        limit: the smallest increase that counts.
    """
    table = [[now[0], now[1] - now[0]], [before[0], before[1] - before[0]]]
    result = stats.fisher_exact(table, alternative="greater")
    statistic = float(result.statistic)
    shares = [count / total if total else 0.0 for count, total in (before, now)]
    return Finding(
        column=name,
        question=question,
        test="Fisher",
        statistic=statistic if isfinite(statistic) else None,
        p_value=float(result.pvalue),
        effects={"increase": shares[1] - shares[0]},
        limits={"increase": limit},
        before=f"{shares[0]:.1%}",
        now=f"{shares[1]:.1%}",
    )


def compare_means(
    name: str,
    question: str,
    lower: NDArray[np.float64],
    higher: NDArray[np.float64],
    effect: tuple[str, float, float],
    summaries: tuple[str, str],
) -> Finding:
    """Welch's test of two means, one-sided: is the mean of ``higher`` above that of ``lower``?

    Args:
        name: of the column.
        question: what the numbers are.
        lower: shape (rows,).
        higher: shape (other rows,).
        effect: its name, its size and the smallest that counts.
        summaries: of the reference and the current rows.
    """
    statistic, p_value = 0.0, 1.0
    if np.ptp(lower) or np.ptp(higher):
        result = stats.ttest_ind(higher, lower, equal_var=False, alternative="greater")
        statistic, p_value = float(result.statistic), float(result.pvalue)
    elif higher[0] > lower[0]:  # two constants
        p_value = 0.0
    size_name, size, limit = effect
    return Finding(
        column=name,
        question=question,
        test="Welch",
        statistic=statistic if isfinite(statistic) else None,
        p_value=p_value,
        effects={size_name: size},
        limits={size_name: limit},
        before=summaries[0],
        now=summaries[1],
    )


def stability_index(old: NDArray[Any], new: NDArray[Any]) -> float:
    """The population stability index of two samples of one number; 0 when they are alike.

    The shares of ten bins, cut at the deciles of ``old``. By convention below 0.1 is stable and
    above 0.25 is a shift (Siddiqi, Credit Risk Scorecards, 2006).

    Args:
        old: shape (rows,); nan is left out.
        new: shape (other rows,).
    """
    old, new = old[~np.isnan(old)], new[~np.isnan(new)]
    if not len(old) or not len(new):
        return float("nan")
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    if len(edges) == 1:  # most values are equal: bins below, at and above that value
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    counts = [np.bincount(np.digitize(x, edges), minlength=len(edges) + 1) for x in (old, new)]
    return _stability_index(counts[0] / len(old), counts[1] / len(new))


def category_stability_index(before: pd.Series, now: pd.Series) -> float:
    """The population stability index of two samples of categories."""
    if not len(before) or not len(now):
        return float("nan")
    table = count_categories(before, now).to_numpy(float)
    shares = table / table.sum(axis=0)
    return _stability_index(shares[:, 0], shares[:, 1])


def count_categories(before: pd.Series, now: pd.Series) -> pd.DataFrame:
    """The rows of each category in both samples: columns ``before`` and ``now``."""
    counts = {"before": before.map(format_value), "now": now.map(format_value)}
    table = pd.DataFrame({name: values.value_counts() for name, values in counts.items()})
    return table.fillna(0).astype(int)


def count_distinct(parts: Sequence[NDArray[Any]]) -> int:
    """The number of different integers in several arrays.

    Sorted, because ``numpy.unique`` of integers is many times slower since NumPy 2.3.
    """
    if not parts:
        return 0
    values = np.concatenate(parts)
    values.sort()
    return int((values[1:] != values[:-1]).sum()) + min(len(values), 1)


def count_values(values: pd.Series) -> tuple[NDArray[Any], NDArray[Any]]:
    """The different values and how often each occurs; fast for a pandas categorical."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        counts = np.bincount(values.cat.codes, minlength=len(values.cat.categories))
        names = values.cat.categories.to_numpy(object)
        return names[counts > 0], counts[counts > 0]
    table = values.value_counts()
    return table.index.to_numpy(object), table.to_numpy(np.intp)


def bin_numbers(before: NDArray[np.float64], now: NDArray[np.float64]) -> Bars:
    """Bars of equal width, from the 0.5 % to the 99.5 % quantile of both samples."""
    both = np.concatenate([before, now])
    low, high = np.quantile(both, [0.005, 0.995]) if len(both) else (0.0, 1.0)
    edges = np.linspace(float(low), float(high) if high > low else float(low) + 1, FIGURE_BINS + 1)
    shares = [(np.histogram(x, edges)[0] / max(len(x), 1)).round(6).tolist() for x in (before, now)]
    return Bars(before=shares[0], now=shares[1], edges=edges.tolist())


def bar_categories(before: pd.Series, now: pd.Series) -> Bars:
    """A bar for each of the most frequent categories of both samples, and one for all others."""
    table = count_categories(before, now)
    shares = table / table.sum().clip(lower=1)
    order = shares.sum(axis=1).sort_values(ascending=False, kind="stable").index
    shares = shares.loc[order]
    top, rest = shares.head(FIGURE_CATEGORIES), shares.iloc[FIGURE_CATEGORIES:]
    labels, bars = [str(name) for name in top.index], top
    if len(rest):
        labels.append("other")
        bars = pd.concat([top, rest.sum().to_frame().T])
    return Bars(before=bars["before"].tolist(), now=bars["now"].tolist(), labels=labels)


def _stability_index(before: NDArray[Any], now: NDArray[Any]) -> float:
    """The index of two arrays of shares of the same bins."""
    old, new = np.maximum(before, MINIMUM_SHARE), np.maximum(now, MINIMUM_SHARE)
    return float(np.sum((new - old) * np.log(new / old)))


def _describe_mean(values: NDArray[np.float64]) -> str:
    return f"{np.mean(values):.4g} ± {np.std(values):.3g}"


def _describe_mode(counts: pd.Series) -> str:
    """The most frequent value with its share."""
    return f"{counts.idxmax()} ({counts.max() / max(counts.sum(), 1):.0%})"
