"""Dates and times: of a datetime type, or texts in ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.columns import statistics
from nbrelease.quality.columns.kind import Bars
from nbrelease.quality.criteria import ColumnLimits, Monitor
from nbrelease.quality.finding import Finding
from nbrelease.records.published import ColumnKind

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
FIRST, LAST = (each.tz_localize("UTC") for each in (pd.Timestamp.min.ceil("s"), pd.Timestamp.max))
"""Nanoseconds cannot count others, such as 9999-12-31 for "without end"."""
SAMPLE = 1000
"""How many texts of a column are read to decide whether they are dates."""


class Date:
    """Points in time. A time without a zone is taken as UTC."""

    name: ColumnKind = "date"
    invalid_value: Any = "the day after"

    def matches(self, column: pd.Series) -> bool:
        """Whether the type is a date, or the values are dates or texts in ISO 8601."""
        if pd.api.types.is_datetime64_any_dtype(column):
            return True
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = pd.Series(column.cat.categories)
        if pd.api.types.is_numeric_dtype(column):
            return False
        known = column.dropna().head(SAMPLE)
        return len(known) > 0 and all(map(_is_date, known))

    def convert(self, column: pd.Series) -> pd.Series:
        """As times in UTC; what is no date is missing."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if pd.api.types.is_numeric_dtype(column):
            return pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]")
        times = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
        return times.where(times.between(FIRST, LAST)).astype("datetime64[ns, UTC]")

    def start_profile(self, limits: ColumnLimits) -> DateProfile:
        """First and last time."""
        return DateProfile(limits)

    def compare(
        self, name: str, before: pd.Series, now: pd.Series, limits: Monitor
    ) -> list[Finding]:
        """Kolmogorov-Smirnov of the times."""
        summaries = _describe_range(before), _describe_range(now)
        samples = _seconds(before), _seconds(now)
        return [statistics.compare_numbers(name, *samples, limits, summaries=summaries)]

    def stability_index(self, before: pd.Series, now: pd.Series) -> float:
        """Of ten bins, cut at the deciles of ``before``."""
        return statistics.stability_index(_seconds(before), _seconds(now))

    def bars(self, before: pd.Series, now: pd.Series) -> Bars:
        """Thirty bins; the edges are in seconds since 1970."""
        return statistics.bin_numbers(_seconds(before), _seconds(now))


class DateProfile:
    """The first and the last time, how many there are, and the rows before and after the limits."""

    def __init__(self, limits: ColumnLimits) -> None:
        self._limits = limits
        self._times: list[NDArray[np.int64]] = []
        self._early = self._late = 0

    def add(self, values: pd.Series) -> None:
        """Add times."""
        self._times.append(values.astype("int64").to_numpy().astype(np.int64))
        if isinstance(self._limits.min, date):
            self._early += int((values < _first_moment(self._limits.min)).sum())
        if isinstance(self._limits.max, date):
            self._late += int((values > _last_moment(self._limits.max)).sum())

    def describe(self) -> dict[str, Any]:
        """``distinct``, ``first`` and ``last``."""
        distinct = statistics.count_distinct(self._times)
        if not distinct:
            return {"distinct": 0}
        first = min(int(each.min()) for each in self._times if len(each))
        last = max(int(each.max()) for each in self._times if len(each))
        ends = (pd.Timestamp(each).isoformat() for each in (first, last))
        return {"distinct": distinct, **dict(zip(("first", "last"), ends, strict=True))}

    def measure(self) -> dict[str, float]:
        """``too_early`` and ``too_late``: rows before ``min`` and after ``max``."""
        return {"too_early": self._early, "too_late": self._late}


def _is_date(value: Any) -> bool:
    return isinstance(value, date) or (isinstance(value, str) and ISO.fullmatch(value) is not None)


def _seconds(values: pd.Series) -> NDArray[np.float64]:
    return values.astype("int64").to_numpy(float) / 1e9


def _describe_range(values: pd.Series) -> str:
    return f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"


def _first_moment(limit: date) -> pd.Timestamp:
    moment = limit if isinstance(limit, datetime) else datetime.combine(limit, time.min)
    return pd.Timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _last_moment(limit: date) -> pd.Timestamp:
    """The end of the day, or the moment itself where the limit has a time."""
    moment = limit if isinstance(limit, datetime) else datetime.combine(limit, time.max)
    return pd.Timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
