"""Categories: texts, codes or other values of which many rows have the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from nbrelease.quality.columns import statistics
from nbrelease.quality.columns.kind import Bars
from nbrelease.quality.criteria import ColumnLimits, Monitor
from nbrelease.quality.finding import Finding
from nbrelease.quality.values import format_value
from nbrelease.records.published import ColumnKind


class Categorical:
    """Categories. Values are compared by their text: 1, 1.0 and "1" are the same."""

    name: ColumnKind = "categorical"
    invalid_value: Any = None

    def matches(self, column: pd.Series) -> bool:
        """Any column can be seen as categories."""
        return True

    def convert(self, column: pd.Series) -> pd.Series:
        """The values as they are."""
        return column

    def start_profile(self, limits: ColumnLimits) -> CategoricalProfile:
        """Counts of each value."""
        return CategoricalProfile(limits)

    def compare(
        self, name: str, before: pd.Series, now: pd.Series, limits: Monitor
    ) -> list[Finding]:
        """Chi-square."""
        return [statistics.compare_categories(name, before, now, limits)]

    def stability_index(self, before: pd.Series, now: pd.Series) -> float:
        """Of the shares of the categories."""
        return statistics.category_stability_index(before, now)

    def bars(self, before: pd.Series, now: pd.Series) -> Bars:
        """The most frequent values."""
        return statistics.bar_categories(before, now)


class CategoricalProfile:
    """Counts of each value, and of the rows with a value that the limits do not allow."""

    def __init__(self, limits: ColumnLimits) -> None:
        self._allowed = None if limits.values is None else set(map(format_value, limits.values))
        self._counts: Counter[str] = Counter()

    def add(self, values: pd.Series) -> None:
        """Add values."""
        for value, count in zip(*statistics.count_values(values), strict=True):
            self._counts[format_value(value)] += int(count)

    def describe(self) -> dict[str, Any]:
        """``distinct``, ``most_frequent`` and its share; none without values."""
        if not self._counts:
            return {"distinct": 0}
        value, count = max(self._counts.items(), key=lambda item: (item[1], item[0]))
        return {
            "distinct": len(self._counts),
            "most_frequent": value,
            "most_frequent_share": count / self._counts.total(),
        }

    def measure(self) -> dict[str, float]:
        """``other_values``: rows with a value that is not allowed."""
        if self._allowed is None:
            return {}
        others = (n for value, n in self._counts.items() if value not in self._allowed)
        return {"other_values": sum(others)}
