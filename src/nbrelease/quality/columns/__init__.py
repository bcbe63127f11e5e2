"""The kinds of columns: numeric, boolean, categorical, text and date.

Each module has one kind behind the protocol :class:`~nbrelease.quality.columns.kind.Kind`. Data
checks, drift, monitor, figures and requests to endpoints treat a column by its kind and by nothing
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbrelease.quality.columns.boolean import Boolean
from nbrelease.quality.columns.categorical import Categorical
from nbrelease.quality.columns.date import Date
from nbrelease.quality.columns.kind import Bars, Kind, Profile
from nbrelease.quality.columns.numeric import Numeric
from nbrelease.quality.columns.text import Text
from nbrelease.records.published import ColumnKind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "Bars", "Kind", "Profile", "detect_kind"]

KINDS: dict[ColumnKind, Kind] = {
    "boolean": Boolean(),
    "numeric": Numeric(),
    "date": Date(),
    "text": Text(),
    "categorical": Categorical(),
}
"""In the order of their detection; each column is at least categorical."""


def detect_kind(column: pd.Series) -> Kind:
    """The kind of a column's values.

    Args:
        column: shape (rows,); missing values are ignored. Without any value it is categorical,
            unless its type is numeric, boolean or a date.
    """
    return next(kind for kind in KINDS.values() if kind.matches(column))
