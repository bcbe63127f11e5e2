"""Slices of the held-out rows: by ranges of a column's numbers, or by its categories."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Slices
from nbrelease.quality.values import format_value

MOST_FREQUENT = 10
"""How many categories have a slice where the criteria name none."""


@dataclass(frozen=True)
class RowSlice:
    """The positions of the rows of one slice: a range [low, high), or a category."""

    name: str
    rows: NDArray[np.intp]
    low: float | None = None
    high: float | None = None
    category: str | None = None


def split_rows(features: pd.DataFrame, criteria: Slices) -> list[RowSlice]:
    """The slices that have rows. Rows with other values, or with none, are in no slice.

    Raises:
        SettingsError: there is no such column, or its values are not numbers.
    """
    if criteria.column not in features:
        raise SettingsError(
            f"criteria: slices.column {criteria.column} is not in the data; it has the columns "
            f"{', '.join(map(str, features))}"
        )
    column = features[criteria.column]
    slices = _ranges(column, criteria.edges) if criteria.edges else _categories(column, criteria)
    return [each for each in slices if len(each.rows)]


def _ranges(column: pd.Series, edges: list[float]) -> list[RowSlice]:
    try:
        values = column.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise SettingsError(
            f"criteria: slices.edges needs numbers, and {column.name} has other values; "
            "use slices.categories"
        ) from None
    return [
        RowSlice(
            f"{low:g} to {high:g}", np.flatnonzero((values >= low) & (values < high)), low, high
        )
        for low, high in pairwise(edges)
    ]


def _categories(column: pd.Series, criteria: Slices) -> list[RowSlice]:
    codes, distinct = pd.factorize(column)
    names = [format_value(each) for each in distinct.tolist()]
    if criteria.categories is not None:
        chosen = [format_value(each) for each in criteria.categories]
    else:
        if pd.api.types.is_float_dtype(column) and len(names) > MOST_FREQUENT:
            raise SettingsError(
                f"criteria: slices.column {column.name} has {len(names)} different numbers; "
                "add slices.edges"
            )
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        frequent = np.argsort(-counts, kind="stable")[:MOST_FREQUENT]
        chosen = [names[number] for number in frequent]
    positions = {name: number for number, name in enumerate(names)}
    return [
        RowSlice(name, np.flatnonzero(codes == positions.get(name, len(names))), category=name)
        for name in chosen
    ]
