"""Has what a model is asked, or what it answers, moved from what it was trained on?

A shift is called one when it is both certain and large enough to matter: a test's p-value after
Holm's correction over everything that was tested (S. Holm, Scandinavian Journal of Statistics 6,
1979), and an effect size above a limit. With many rows every test finds something; with few rows
every effect size is noise; both together leave neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nbrelease.quality.criteria import Monitor
from nbrelease.quality.data import LEAST_SHARE, stability_index

FEW_VALUES = 12
"""A column of at most so many different whole numbers is one of categories."""
LEAST_EXPECTED = 5
"""Categories of which fewer rows are expected are taken together, as the chi-square test wants."""


@dataclass
class Finding:
    """One question about one column, and its answer.

    ``effects`` holds effect sizes by name and ``limits`` the least that matters of each; the
    finding is ``drifted`` when it is certain (``p_adjusted``) and one of them is reached.
    """

    column: str
    question: str
    test: str
    statistic: float
    p_value: float
    effects: dict[str, float]
    limits: dict[str, float]
    p_adjusted: float = 1.0
    drifted: bool = False
    before: str = ""
    now: str = ""
    why: str = field(default="")

    def shown(self) -> dict[str, Any]:
        """As runbooks publish it; the odds of what is nowhere missing are no number: None."""
        return {**asdict(self), "statistic": self.statistic if isfinite(self.statistic) else None}


def compare(
    reference: pd.DataFrame, current: pd.DataFrame, limits: Monitor, *more: Finding
) -> list[Finding]:
    """Hold each column of ``current`` against the same one of ``reference``.

    Args:
        reference: what the model was trained on or tested with; columns of numbers or categories.
        current: what it was asked; a column that is missing here counts as all values missing.
        limits: of the criteria file.
        more: findings that were made elsewhere and count in the correction too.

    Returns:
        Two findings a column, ``distribution`` and ``missing values``, and ``more``; those that
        drifted first, then by column.
    """
    findings = list(more)
    for name in reference:
        now = current[name] if name in current else pd.Series(np.nan, index=current.index)
        before = reference[name]
        findings.append(_missing(str(name), before, now, limits))
        if before.notna().any() and now.notna().any():
            known = before.dropna(), now.dropna()
            if is_categorical(before):
                findings.append(categories(str(name), *known, limits))
            else:
                findings.append(_numbers(str(name), *known, limits))
    return judged(findings, limits)


def is_categorical(column: pd.Series) -> bool:
    """Whether a column's values are names rather than amounts."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    values = column.dropna().unique()
    return len(values) <= FEW_VALUES and bool((values == np.round(values)).all())


def categories(
    name: str, before: pd.Series, now: pd.Series, limits: Monitor, question: str = "distribution"
) -> Finding:
    """Chi-square test of two samples of categories; Cramér's V and stability index as effects."""
    table = pd.DataFrame({"before": before.value_counts(), "now": now.value_counts()}).fillna(0)
    share = table["before"].sum() / max(table.to_numpy().sum(), 1)
    expected = table.sum(axis=1) * min(share, 1 - share)
    rare = table[expected < LEAST_EXPECTED].sum()
    counts = table[expected >= LEAST_EXPECTED].to_numpy(float)
    if rare.sum():
        counts = np.vstack([counts, rare.to_numpy(float)])
    statistic, p_value = 0.0, 1.0
    if len(counts) > 1:
        found = stats.chi2_contingency(counts, correction=False)
        statistic, p_value = float(found.statistic), float(found.pvalue)
    shares = np.maximum(table.to_numpy(float) / table.sum().to_numpy(float), LEAST_SHARE)
    old, new = shares[:, 0], shares[:, 1]
    return Finding(
        column=name,
        question=question,
        test="chi-square",
        statistic=statistic,
        p_value=p_value,
        effects={
            "cramers_v": float(np.sqrt(statistic / counts.sum())),
            "psi": float(np.sum((new - old) * np.log(new / old))),
        },
        limits={"cramers_v": limits.cramers_v, "psi": limits.psi},
        before=_commonest(before),
        now=_commonest(now),
    )


def proportion(
    name: str, question: str, before: tuple[int, int], now: tuple[int, int], limit: float
) -> Finding:
    """Fisher's exact test of two shares; the effect is how much larger the share is now.

    Args:
        name: of the column.
        question: what is asked.
        before: how many of how many, in the reference.
        now: the same, at present.
        limit: the least increase that matters.
    """
    table = [[now[0], now[1] - now[0]], [before[0], before[1] - before[0]]]
    found = stats.fisher_exact(table, alternative="greater")
    shares = [part / whole if whole else 0.0 for part, whole in (before, now)]
    return Finding(
        column=name,
        question=question,
        test="Fisher",
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
        effects={"increase": shares[1] - shares[0]},
        limits={"increase": limit},
        before=f"{shares[0]:.1%}",
        now=f"{shares[1]:.1%}",
    )


def holm(p_values: Iterable[float]) -> NDArray[np.float64]:
    """Holm's adjusted p-values, in the order given."""
    given = np.asarray(list(p_values), dtype=float)
    order = np.argsort(given)
    steps = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def prediction_drift(before: list[Any], after: list[Any]) -> float:
    """Population stability index of two lists of predicted classes; 0 when the shares agree.

    Raises:
        ValueError: one of them is empty.
    """
    if not before or not after:
        raise ValueError("there are no predictions to compare")
    index = 0.0
    for value in {*before, *after}:
        old, new = (max(x.count(value) / len(x), LEAST_SHARE) for x in (before, after))
        index += (new - old) * float(np.log(new / old))
    return index


def judged(findings: list[Finding], limits: Monitor) -> list[Finding]:
    """Say of each finding whether it is a shift, all of them corrected together."""
    for each, adjusted in zip(findings, holm(f.p_value for f in findings), strict=True):
        each.p_adjusted = float(adjusted)
        large = {n: v for n, v in each.effects.items() if v >= each.limits[n]}
        each.drifted = each.p_adjusted < limits.significance and bool(large)
        sizes = ", ".join(f"{n} {v:.3f} (from {each.limits[n]:g})" for n, v in large.items())
        each.why = (
            f"{each.column}: {each.question} moved from {each.before} to {each.now}; {sizes},"
            f" p {each.p_adjusted:.2g} ({each.test})"
            if each.drifted
            else ""
        )
    return sorted(findings, key=lambda f: (not f.drifted, f.column, f.question))


def _numbers(name: str, before: pd.Series, now: pd.Series, limits: Monitor) -> Finding:
    old, new = before.to_numpy(float), pd.to_numeric(now, errors="coerce").dropna().to_numpy(float)
    found = stats.ks_2samp(old, new)
    spread = float(np.std(old)) or 1.0
    return Finding(
        column=name,
        question="distribution",
        test="Kolmogorov-Smirnov",
        statistic=float(found.statistic),
        p_value=float(found.pvalue),
        effects={
            "wasserstein": float(stats.wasserstein_distance(old, new)) / spread,
            "psi": stability_index(old, new),
        },
        limits={"wasserstein": limits.wasserstein, "psi": limits.psi},
        before=f"{np.mean(old):.4g} ± {np.std(old):.3g}",
        now=f"{np.mean(new):.4g} ± {np.std(new):.3g}",
    )


def _missing(name: str, before: pd.Series, now: pd.Series, limits: Monitor) -> Finding:
    old, new = int(before.isna().sum()), int(now.isna().sum())
    pair = (old, len(before)), (new, len(now))
    return proportion(name, "missing values", *pair, limits.missing)


def _commonest(column: pd.Series) -> str:
    value, *_ = column.mode()
    share = float((column == value).mean())
    shown = f"{value:g}" if isinstance(value, int | float) else value
    return f"{shown} ({share:.0%})"
