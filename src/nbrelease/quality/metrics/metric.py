"""The class of metrics, and functions that count and average in samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nbrelease.quality.predictions import ScoredRows
from nbrelease.records.published import Direction

Measure = Callable[[NDArray[np.intp]], NDArray[np.float64]]
"""From positions of rows, of shape (..., n), to values of shape (...); nan where undefined."""
MetricKind = Literal["classification", "regression", "any"]

VECTORIZED_RESAMPLES = 999
SINGLE_RESAMPLES = 199
"""Of metrics that measure one sample at a time."""


@dataclass(frozen=True)
class Metric:
    """A metric by name.

    ``kind``: which labels it is for. ``probability``: whether it needs probabilities.
    ``resamples``: how many bootstrap samples its interval has. ``prepare`` gives the measure of
    one model's rows. ``help`` describes a metric of the project.
    """

    name: str
    direction: Direction
    kind: MetricKind
    prepare: Callable[[ScoredRows], Measure]
    probability: bool = False
    resamples: int = VECTORIZED_RESAMPLES
    help: str = ""

    def value(self, rows: ScoredRows) -> float:
        """The value on all rows."""
        return float(self.prepare(rows)(np.arange(len(rows.label))))


def mean_of(values: NDArray[Any]) -> Measure:
    """The mean of a value of each row."""
    return lambda rows: np.mean(values[rows], axis=-1)


def count_cells(cells: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """How often each of the numbers 0 to ``size`` - 1 occurs: of shape (..., n) to (..., size)."""
    samples = cells.reshape(-1, cells.shape[-1])
    offsets = np.arange(len(samples))[:, None] * size
    counts = np.bincount((samples + offsets).ravel(), minlength=len(samples) * size)
    return counts.reshape(*cells.shape[:-1], size)


def divide(numerator: Any, denominator: Any, otherwise: float = np.nan) -> NDArray[np.float64]:
    """The quotient; ``otherwise`` where the denominator is zero."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise, float)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result
