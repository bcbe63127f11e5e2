"""Describe and check training data, and measure its drift from the champion's data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nbrelease.quality.criteria import Criteria, Limit, Range
from nbrelease.quality.drift import stability_index
from nbrelease.quality.gate import Measurement, evaluate_limits
from nbrelease.quality.metrics.probability import roc_auc
from nbrelease.records.criterion import CriterionResult
from nbrelease.records.published import Column, DataProfile, Drift

LEAKAGE_LIMIT = 0.1
"""How far from 0.5 the area under the ROC curve of ids as a score of the label may be."""


def profile_data(rows: pd.DataFrame, criteria: Criteria, label: str) -> DataProfile:
    """Describe and check training data.

    Args:
        rows: the data, all columns.
        criteria: of the criteria file.
        label: the name of the label's column.

    Returns:
        The profile; ``overlap`` and ``drift`` are None until the training job has run.
    """
    return DataProfile(
        rows=len(rows),
        duplicates=int(_duplicated(rows, criteria).sum()),
        columns=[_describe(rows[name]) for name in rows],
        checks=[*_check(rows, criteria, label)],
    )


def measure_drift(older: pd.DataFrame, newer: pd.DataFrame) -> list[Drift]:
    """The population stability index of each column that both have, the largest first."""
    drift = [
        Drift(
            column=str(name),
            psi=stability_index(older[name].to_numpy(float), newer[name].to_numpy(float)),
        )
        for name in newer
        if name in older
    ]
    return sorted(drift, key=lambda row: -(row.psi or 0.0))


def _check(rows: pd.DataFrame, criteria: Criteria, label: str) -> list[CriterionResult]:
    checks = criteria.data
    share = Measurement(float(_duplicated(rows, criteria).mean()))
    limit = Limit(metric="duplicates", at_most=checks.duplicates)
    results = evaluate_limits([limit], {"duplicates": share})
    for name, allowed in checks.columns.items():
        results += _check_range(rows, name, allowed)
    classes = {"label_values": Measurement(rows[label].nunique())}
    results += evaluate_limits(
        [Limit(metric="label_values", at_least=2, at_most=2)], classes, label
    )
    if checks.id_column is not None:
        results += _check_leakage(rows, checks.id_column, label)
    return results


def _check_range(rows: pd.DataFrame, name: str, allowed: Range) -> list[CriterionResult]:
    if name not in rows:
        return [_missing_column(name)]
    column = pd.to_numeric(rows[name], errors="coerce")
    limits = [Limit(metric="missing", at_most=allowed.missing)]
    limits += [Limit(metric="least", at_least=allowed.min)] if allowed.min is not None else []
    limits += [Limit(metric="most", at_most=allowed.max)] if allowed.max is not None else []
    measured = {
        "missing": Measurement(float(column.isna().mean())),
        "least": Measurement(float(column.min())),
        "most": Measurement(float(column.max())),
    }
    return evaluate_limits(limits, measured, name)


def _check_leakage(rows: pd.DataFrame, id_column: str, label: str) -> list[CriterionResult]:
    """Whether the ids predict the label, as when one class was added after the other."""
    if id_column not in rows:
        return [_missing_column(id_column)]
    ids = pd.to_numeric(rows[id_column], errors="coerce").to_numpy(float)
    distance = abs(float(roc_auc(rows[label].to_numpy() == 1, ids)) - 0.5)
    limit = Limit(metric="id_leakage", at_most=LEAKAGE_LIMIT)
    return evaluate_limits([limit], {limit.metric: Measurement(distance)}, id_column)


def _missing_column(name: str) -> CriterionResult:
    return CriterionResult(metric="column", slice=name, operator="present", passed=False)


def _duplicated(rows: pd.DataFrame, criteria: Criteria) -> pd.Series:
    """Which rows repeat an earlier one, whatever their ids."""
    return rows.drop(columns=criteria.data.id_column or [], errors="ignore").duplicated()


def _describe(column: pd.Series) -> Column:
    numbers: dict[str, float | None] = {}
    if pd.api.types.is_numeric_dtype(column) and column.notna().any():
        for name in ("min", "max", "mean", "std"):
            value = float(getattr(column, name)())
            numbers[name] = value if np.isfinite(value) else None
    described = Column(
        name=str(column.name), type=str(column.dtype), missing=int(column.isna().sum())
    )
    return described.model_copy(update=numbers)
