"""Truth values."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nbrelease.quality.columns.categorical import Categorical
from nbrelease.records.published import ColumnKind

VALUES = {"true": True, "false": False}


class Boolean(Categorical):
    """True and false; compared as two categories."""

    name: ColumnKind = "boolean"
    invalid_value: Any = None  # Azure's server converts any value to true or false

    def matches(self, column: pd.Series) -> bool:
        """Whether all values are true or false, and there is one."""
        if pd.api.types.is_bool_dtype(column):
            return True
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype != object:
            return False
        known = column.dropna()
        return len(known) > 0 and pd.api.types.infer_dtype(known) == "boolean"

    def convert(self, column: pd.Series) -> pd.Series:
        """As bool; the texts true and false and the numbers 1 and 0 are read too."""
        if pd.api.types.is_bool_dtype(column):
            return column
        values = {value: _read_value(value) for value in column.dropna().unique()}
        return column.map(values).astype(object)


def _read_value(value: Any) -> bool | None:
    if isinstance(value, str):
        return VALUES.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None
