"""Numbers. A column of few whole numbers is tested for drift as categories are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nbrelease.quality.columns import statistics
from nbrelease.quality.columns.kind import Bars
from nbrelease.quality.criteria import ColumnLimits, Monitor
from nbrelease.quality.finding import Finding
from nbrelease.records.published import ColumnKind

FEW_VALUES = 12
"""A column with at most this many different whole numbers is tested as categories."""


class Numeric:
    """Finite numbers."""

    name: ColumnKind = "numeric"
    invalid_value: Any = "many"

    def matches(self, column: pd.Series) -> bool:
        """Whether the column's type is numeric."""
        numeric: bool = pd.api.types.is_numeric_dtype(column)
        return numeric or (column.dtype == object and _are_numbers(column))

    def convert(self, column: pd.Series) -> pd.Series:
        """As floats; a text that is not a number and infinity are missing."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if pd.api.types.is_integer_dtype(column) and not column.hasnans:
            return column
        numbers = pd.to_numeric(column, errors="coerce").astype(float)
        return numbers.where(np.isfinite(numbers))

    def start_profile(self, limits: ColumnLimits) -> NumericProfile:
        """Count, range, mean and standard deviation."""
        return NumericProfile()

    def compare(
        self, name: str, before: pd.Series, now: pd.Series, limits: Monitor
    ) -> list[Finding]:
        """Kolmogorov-Smirnov, or chi-square where there are few whole numbers."""
        if has_few_values(before):
            return [statistics.compare_categories(name, before, now, limits)]
        samples = before.to_numpy(float), now.to_numpy(float)
        return [statistics.compare_numbers(name, *samples, limits)]

    def stability_index(self, before: pd.Series, now: pd.Series) -> float:
        """Of ten bins, cut at the deciles of ``before``."""
        return statistics.stability_index(before.to_numpy(float), now.to_numpy(float))

    def bars(self, before: pd.Series, now: pd.Series) -> Bars:
        """Thirty bins."""
        return statistics.bin_numbers(before.to_numpy(float), now.to_numpy(float))


class NumericProfile:
    """Count, range, mean and standard deviation of numbers that are added in chunks.

    Variances are combined as Chan, Golub and LeVeque do (The American Statistician 37, 1983).
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = self._squares = 0.0
        self._least, self._most = float("inf"), float("-inf")

    def add(self, values: pd.Series) -> None:
        """Add numbers."""
        if not len(values):
            return
        numbers = values.to_numpy(float)
        mean, count = float(numbers.mean()), len(numbers)
        total = self._count + count
        distance = mean - self._mean
        self._squares += float(((numbers - mean) ** 2).sum())
        self._squares += distance**2 * self._count * count / total
        self._mean += distance * count / total
        self._count = total
        self._least = min(self._least, float(numbers.min()))
        self._most = max(self._most, float(numbers.max()))

    def describe(self) -> dict[str, Any]:
        """``min``, ``max``, ``mean`` and ``std``, the sample's; none without values."""
        if not self._count:
            return {}
        std = (self._squares / (self._count - 1)) ** 0.5 if self._count > 1 else None
        return {"min": self._least, "max": self._most, "mean": self._mean, "std": std}

    def measure(self) -> dict[str, float]:
        """``least`` and ``most``; nan without values."""
        if not self._count:
            return {"least": float("nan"), "most": float("nan")}
        return {"least": self._least, "most": self._most}


def has_few_values(column: pd.Series) -> bool:
    """Whether there are few different values, all of them whole numbers."""
    values = column.unique()
    return len(values) <= FEW_VALUES and bool((values == np.round(values)).all())


def _are_numbers(column: pd.Series) -> bool:
    """Whether a column of objects holds numbers, as rows read from JSON with missing values do."""
    return pd.api.types.infer_dtype(column, skipna=True) in (
        "integer", "floating", "mixed-integer-float", "decimal",
    )  # fmt: skip
