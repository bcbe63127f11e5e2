"""Detect drift: have the requests to a model, or its predictions, moved from its training data?

A finding counts as drift when it is both significant and large: the p-value of a test after Holm's
correction over all tests (S. Holm, Scandinavian Journal of Statistics 6, 1979), and an effect size
that reaches a limit. With many rows every difference is significant, and with few rows every effect
size is noise; requiring both excludes either.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, computed_field
from scipy import stats

from nbrelease.quality.criteria import Monitor

FEW_VALUES = 12
"""A numeric column with at most this many different whole numbers is categorical."""
MINIMUM_EXPECTED = 5
"""Categories with fewer expected rows are combined, as the chi-square test requires."""
BINS = 10
MINIMUM_SHARE = 1e-4
"""An empty bin or category would make the stability index infinite."""


class Finding(BaseModel):
    """One test of one column.

    ``effects`` holds effect sizes by name and ``limits`` the smallest that counts of each; the
    finding is ``drifted`` when it is significant (``p_adjusted``) and one of them is reached.
    ``statistic`` is None where it is infinite: the odds ratio when nothing was missing before.
    ``before`` and ``now`` summarize the values.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    question: str
    test: str
    statistic: float | None
    p_value: float
    effects: dict[str, float]
    limits: dict[str, float]
    p_adjusted: float = 1.0
    drifted: bool = False
    before: str = ""
    now: str = ""

    @property
    def large_effects(self) -> dict[str, float]:
        """The effect sizes that reach their limit."""
        return {name: size for name, size in self.effects.items() if size >= self.limits[name]}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def why(self) -> str:
        """The finding in one line; empty without drift."""
        if not self.drifted:
            return ""
        sizes = ", ".join(
            f"{name} {size:.3f} (limit {self.limits[name]:g})"
            for name, size in self.large_effects.items()
        )
        return (
            f"{self.column}: {self.question} changed from {self.before} to {self.now}; {sizes},"
            f" p {self.p_adjusted:.2g} ({self.test})"
        )


def find_drift(
    reference: pd.DataFrame, current: pd.DataFrame, limits: Monitor, *more: Finding
) -> list[Finding]:
    """Compare each column of ``current`` with the same column of ``reference``.

    Args:
        reference: the training or held-out rows; numeric or categorical columns.
        current: the rows of the requests; all values of a column that it lacks are missing.
        limits: of the criteria file.
        more: findings of other tests, for the common correction.

    Returns:
        Two findings for each column, ``distribution`` and ``missing values``, and ``more``; those
        that drifted first, then by column.
    """
    findings = list(more)
    for name in reference:
        before = reference[name]
        now = current[name] if name in current else pd.Series(np.nan, index=current.index)
        findings.append(_compare_missing(str(name), before, now, limits))
        if before.notna().any() and now.notna().any():
            known = before.dropna(), now.dropna()
            compare = compare_categories if is_categorical(before) else compare_numbers
            findings.append(compare(str(name), *known, limits))
    return correct(findings, limits)


def is_categorical(column: pd.Series) -> bool:
    """Whether a column's values are categories: not numeric, or few different whole numbers."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    values = column.dropna().unique()
    return len(values) <= FEW_VALUES and bool((values == np.round(values)).all())


def compare_categories(
    name: str, before: pd.Series, now: pd.Series, limits: Monitor, question: str = "distribution"
) -> Finding:
    """Chi-square test of two samples of categories; Cramér's V and stability index as effects."""
    table = pd.DataFrame({"before": before.value_counts(), "now": now.value_counts()}).fillna(0)
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
    shares = table.to_numpy(float) / table.sum().to_numpy(float)
    return Finding(
        column=name,
        question=question,
        test="chi-square",
        statistic=statistic,
        p_value=p_value,
        effects={
            "cramers_v": float(np.sqrt(statistic / counts.sum())),
            "psi": _stability_index(shares[:, 0], shares[:, 1]),
        },
        limits={"cramers_v": limits.cramers_v, "psi": limits.psi},
        before=_describe_mode(before),
        now=_describe_mode(now),
    )


def compare_numbers(name: str, before: pd.Series, now: pd.Series, limits: Monitor) -> Finding:
    """Kolmogorov-Smirnov test of two samples; Wasserstein distance and stability index as effects.

    The distance is in standard deviations of ``before``.
    """
    old, new = before.to_numpy(float), pd.to_numeric(now, errors="coerce").dropna().to_numpy(float)
    result = stats.ks_2samp(old, new)
    deviation = float(np.std(old)) or 1.0
    return Finding(
        column=name,
        question="distribution",
        test="Kolmogorov-Smirnov",
        statistic=float(result.statistic),
        p_value=float(result.pvalue),
        effects={
            "wasserstein": float(stats.wasserstein_distance(old, new)) / deviation,
            "psi": stability_index(old, new),
        },
        limits={"wasserstein": limits.wasserstein, "psi": limits.psi},
        before=f"{np.mean(old):.4g} ± {np.std(old):.3g}",
        now=f"{np.mean(new):.4g} ± {np.std(new):.3g}",
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


def holm(p_values: Iterable[float]) -> NDArray[np.float64]:
    """Holm's adjusted p-values, in the same order."""
    raw = np.asarray(list(p_values), dtype=float)
    order = np.argsort(raw)
    steps = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def correct(findings: list[Finding], limits: Monitor) -> list[Finding]:
    """Correct all findings together and decide for each whether it is drift, drift first."""
    corrected = []
    for each, adjusted in zip(findings, holm(f.p_value for f in findings), strict=True):
        drifted = float(adjusted) < limits.significance and bool(each.large_effects)
        update = {"p_adjusted": float(adjusted), "drifted": drifted}
        corrected.append(each.model_copy(update=update))
    return sorted(corrected, key=lambda f: (not f.drifted, f.column, f.question))


def prediction_drift(before: list[Any], after: list[Any]) -> float:
    """Population stability index of two lists of predicted classes; 0 when the shares agree.

    Raises:
        ValueError: one of them is empty.
    """
    if not before or not after:
        raise ValueError("there are no predictions to compare")
    values = list({*before, *after})
    shares = [np.array([x.count(v) / len(x) for v in values]) for x in (before, after)]
    return _stability_index(*shares)


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
    counts = [np.bincount(np.digitize(x, edges), minlength=len(edges) + 1) for x in (old, new)]
    return _stability_index(counts[0] / len(old), counts[1] / len(new))


def _stability_index(before: NDArray[Any], now: NDArray[Any]) -> float:
    """The index of two arrays of shares of the same bins."""
    old, new = np.maximum(before, MINIMUM_SHARE), np.maximum(now, MINIMUM_SHARE)
    return float(np.sum((new - old) * np.log(new / old)))


def _compare_missing(name: str, before: pd.Series, now: pd.Series, limits: Monitor) -> Finding:
    old, new = int(before.isna().sum()), int(now.isna().sum())
    pair = (old, len(before)), (new, len(now))
    return compare_shares(name, "missing values", *pair, limits.missing)


def _describe_mode(column: pd.Series) -> str:
    """The most frequent value with its share."""
    value, *_ = column.mode()
    share = float((column == value).mean())
    shown = f"{value:g}" if isinstance(value, int | float) else value
    return f"{shown} ({share:.0%})"
