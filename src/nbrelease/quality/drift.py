"""Detect drift of the requests to a model, or of its predictions, from its training data.

A finding counts as drift when it is both significant and large: the p-value of a test after Holm's
correction over all tests (S. Holm, Scandinavian Journal of Statistics 6, 1979), and an effect size
that reaches a limit. With many rows every difference is significant, and with few rows every effect
size is noise; requiring both excludes either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.columns import KINDS, Kind, detect_kind, numeric, statistics
from nbrelease.quality.criteria import Monitor
from nbrelease.quality.finding import Finding
from nbrelease.quality.tasks import CLASSIFICATION, NUMBERS


def find_drift(
    reference: pd.DataFrame, current: pd.DataFrame, limits: Monitor, *more: Finding
) -> list[Finding]:
    """Compare each column of ``current`` with the same column of ``reference``.

    Args:
        reference: the training or held-out rows; their values decide the kind of each column.
        current: the rows of the requests; all values of a column that it lacks are missing.
        limits: of the criteria file; columns of ``ignore`` are left out.
        more: findings of other tests, for the common correction.

    Returns:
        The findings of each column's kind, one on ``missing values``, and ``more``; those that
        drifted first, then by column. A value that is not of the column's kind is missing.
    """
    findings = list(more)
    for name in reference:
        if name in limits.ignore:
            continue
        kind = detect_kind(reference[name])
        now = current[name] if name in current else pd.Series(np.nan, index=current.index)
        samples = kind.convert(reference[name]), kind.convert(now)
        old, new = ((int(each.isna().sum()), len(each)) for each in samples)
        findings.append(
            statistics.compare_shares(str(name), "missing values", old, new, limits.missing)
        )
        before, after = (each.dropna() for each in samples)
        if len(before) and len(after):
            findings += kind.compare(str(name), before, after, limits)
    return correct(findings, limits)


def compare_predictions(
    name: str, before: pd.Series, now: pd.Series, limits: Monitor, task: str
) -> list[Finding]:
    """Test two samples of predictions, as numbers or as classes by the task.

    Args:
        name: for the findings.
        before: predictions without missing values, shape (rows,).
        now: the same, shape (other rows,).
        limits: of the criteria file.
        task: of the model.
    """
    before, now = (each.map(_read_scalar) for each in (before, now))
    kind = _kind_of_predictions(before, task)
    old, new = (kind.convert(each).dropna() for each in (before, now))
    return kind.compare(name, old, new, limits) if len(old) and len(new) else []


def prediction_drift(before: list[Any], after: list[Any], task: str = "") -> float:
    """Population stability index of two lists of predictions; 0 when they are alike.

    Numbers are compared in ten bins, classes by their shares.

    Args:
        before: of the live deployment.
        after: of the new one.
        task: of the model; empty: predictions are numbers when one is a fraction, or when there
            are many different numbers.

    Raises:
        ValueError: one of them is empty.
    """
    if not before or not after:
        raise ValueError("there are no predictions to compare")
    samples = [pd.Series(values, dtype=object).map(_read_scalar) for values in (before, after)]
    kind = _kind_of_predictions(pd.concat(samples, ignore_index=True), task)
    converted = [kind.convert(each.infer_objects()) for each in samples]
    old, new = (each.dropna() for each in converted)
    if not len(old) or not len(new):  # one of them has no prediction of this kind
        return statistics.category_stability_index(*samples)
    missing = statistics.category_stability_index(*(each.isna() for each in converted))
    return max(kind.stability_index(old, new), missing)


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


def are_numbers(predictions: pd.Series, task: str = "") -> bool:
    """Whether predictions are numbers and no classes, by the task and by their values.

    A classifier may answer with probabilities; those are numbers.
    """
    if task in NUMBERS:
        return True
    known = predictions.dropna().infer_objects()
    if not KINDS["numeric"].matches(known) or pd.api.types.is_bool_dtype(known):
        return False
    if (known != known.round()).any():
        return True
    return task not in CLASSIFICATION and not numeric.has_few_values(known)


def _kind_of_predictions(values: pd.Series, task: str) -> Kind:
    return KINDS["numeric" if are_numbers(values, task) else "categorical"]


def _read_scalar(value: Any) -> Any:
    """The most probable class of a list of probabilities; other predictions of several as text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, list) and all(isinstance(each, int | float) for each in value):
        return max(range(len(value)), key=value.__getitem__, default=None)
    return str(value) if isinstance(value, list | dict) else value
