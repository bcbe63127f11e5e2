"""What training data is like, and how far it moved from the data of the champion.

The population stability index compares the shares of a column's ten bands, cut at the quantiles of
the older data; by habit below 0.1 is calm, above 0.25 is a shift (Siddiqi, Credit Risk Scorecards,
2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.compare import roc_auc
from nbrelease.quality.criteria import Criteria, Limit, judge
from nbrelease.records.criterion import CriterionResult

BANDS = 10
# A band that is empty on one side would make the index infinite.
LEAST_SHARE = 1e-4
# How far from 0.5 the area under the curve of ids against labels may lie.
LEAK = 0.1


def stability_index(old: NDArray[Any], new: NDArray[Any]) -> float:
    """The population stability index of two samples of one number; 0 when they are alike.

    Args:
        old: shape (rows,); nan is left out.
        new: shape (other rows,).
    """
    old, new = old[~np.isnan(old)], new[~np.isnan(new)]
    if not len(old) or not len(new):
        return float("nan")
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BANDS + 1)[1:-1]))
    before, after = (_shares(sample, edges) for sample in (old, new))
    return float(np.sum((after - before) * np.log(after / before)))


def _shares(sample: NDArray[Any], edges: NDArray[Any]) -> NDArray[Any]:
    counts = np.bincount(np.digitize(sample, edges), minlength=len(edges) + 1)
    return np.maximum(counts / len(sample), LEAST_SHARE)


def profile(rows: pd.DataFrame, criteria: Criteria, label: str) -> dict[str, Any]:
    """Describe and check training data.

    Args:
        rows: the data, all columns.
        criteria: what it has to be like.
        label: the column to predict.

    Returns:
        What runbooks publish as ``data_profile``; ``drift`` is filled in where there is a champion.
    """
    return {
        "rows": len(rows),
        "duplicates": int(_duplicated(rows, criteria).sum()),
        "columns": [_column(rows[name]) for name in rows],
        "checks": [each.model_dump() for each in _checks(rows, criteria, label)],
        "drift": None,
    }


def drift(older: pd.DataFrame, newer: pd.DataFrame) -> list[dict[str, Any]]:
    """The stability index of each column that both have, the largest first."""
    found = [
        {
            "column": str(name),
            "psi": stability_index(older[name].to_numpy(float), newer[name].to_numpy(float)),
        }
        for name in newer
        if name in older
    ]
    return sorted(found, key=lambda row: -row["psi"])


def _checks(rows: pd.DataFrame, criteria: Criteria, label: str) -> list[CriterionResult]:
    asked, results = criteria.data, []
    share = float(_duplicated(rows, criteria).mean())
    results += judge([Limit(metric="duplicates", at_most=asked.duplicates)], {"duplicates": share})
    for name, bounds in asked.columns.items():
        if name not in rows:
            results.append(_absent(name))
            continue
        column = pd.to_numeric(rows[name], errors="coerce")
        found = {
            "missing": float(column.isna().mean()),
            "least": float(column.min()),
            "most": float(column.max()),
        }
        limits = [Limit(metric="missing", at_most=bounds.missing)]
        limits += [Limit(metric="least", at_least=bounds.min)] if bounds.min is not None else []
        limits += [Limit(metric="most", at_most=bounds.max)] if bounds.max is not None else []
        results += judge(limits, found, name)
    values = {"label values": float(rows[label].nunique())}
    results += judge([Limit(metric="label values", at_least=2, at_most=2)], values, label)
    if asked.id_column is not None:
        there = asked.id_column in rows
        results.append(_leak(rows, asked.id_column, label) if there else _absent(asked.id_column))
    return results


def _duplicated(rows: pd.DataFrame, criteria: Criteria) -> pd.Series:
    """Rows that were there before; a row with a new id and nothing else new is one."""
    return rows.drop(columns=criteria.data.id_column or [], errors="ignore").duplicated()


def _absent(name: str) -> CriterionResult:
    return CriterionResult(metric="column", slice=name, operator="present", passed=False)


def _leak(rows: pd.DataFrame, id_column: str, label: str) -> CriterionResult:
    """Whether the order of the ids tells the label, as when one class was added after the other."""
    ids = pd.to_numeric(rows[id_column], errors="coerce").to_numpy(float)
    away = abs(float(roc_auc(rows[label].to_numpy(np.int64), ids)) - 0.5)
    limit = Limit(metric="label told by the id", at_most=LEAK)
    return judge([limit], {"label told by the id": away}, id_column)[0]


def _column(column: pd.Series) -> dict[str, Any]:
    number = pd.api.types.is_numeric_dtype(column)
    numbers = {
        name: float(getattr(column, name)()) if number and column.notna().any() else None
        for name in ("min", "max", "mean", "std")
    }
    return {
        "name": str(column.name),
        "type": str(column.dtype),
        "missing": int(column.isna().sum()),
        **{n: v if v is not None and np.isfinite(v) else None for n, v in numbers.items()},
    }
