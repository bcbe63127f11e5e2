"""The protocol of the kinds of columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nbrelease.quality.finding import Finding
from nbrelease.records.published import ColumnKind

if TYPE_CHECKING:
    import pandas as pd

    from nbrelease.quality.criteria import ColumnLimits, Monitor


@dataclass(frozen=True)
class Bars:
    """Two samples of a column as shares of their rows, bar by bar.

    ``edges`` of numeric bars has one more entry than ``before`` and ``now``; ``labels`` of
    categories has as many.
    """

    before: list[float]
    now: list[float]
    edges: list[float] | None = None
    labels: list[str] | None = None


class Profile(Protocol):
    """Collects the values of a column, chunk by chunk."""

    def add(self, values: pd.Series) -> None:
        """Add values of the kind, none of them missing; strings may be a pandas categorical."""

    def describe(self) -> dict[str, Any]:
        """Fields of :class:`nbrelease.records.published.Column`, for all values added."""

    def measure(self) -> dict[str, float]:
        """What the column's limits apply to, by the name of the check."""


class Kind(Protocol):
    """One kind of column. Samples are series without missing values."""

    name: ColumnKind
    invalid_value: Any
    """A value that a server has to refuse; None where any value is valid."""

    def matches(self, column: pd.Series) -> bool:
        """Whether the values are of this kind."""

    def convert(self, column: pd.Series) -> pd.Series:
        """The values as this kind has them; what is not of the kind is missing."""

    def start_profile(self, limits: ColumnLimits) -> Profile:
        """A profile without values.

        Args:
            limits: of the criteria file; they decide what is counted.
        """

    def compare(
        self, name: str, before: pd.Series, now: pd.Series, limits: Monitor
    ) -> list[Finding]:
        """Test two samples for drift, not yet corrected for the number of tests."""

    def stability_index(self, before: pd.Series, now: pd.Series) -> float:
        """The population stability index of two samples; 0 when they are alike."""

    def bars(self, before: pd.Series, now: pd.Series) -> Bars:
        """Two samples for a figure."""
