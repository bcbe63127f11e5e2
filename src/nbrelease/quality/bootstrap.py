"""Confidence intervals of metrics, and of their differences between two models."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nbrelease.quality.metrics import Measure
from nbrelease.quality.model_metrics import ModelMetric
from nbrelease.records.published import Interval

BATCH = 111
BATCH_CELLS = 4_000_000
"""Positions in a batch of bootstrap samples: bounds the memory for many rows."""
UNDEFINED_SHARE = 0.05
"""An interval is missing where the metric is undefined on a larger share of the samples."""


class Intervals(NamedTuple):
    """The intervals of a metric of both models; None without a champion, or if undefined."""

    challenger: Interval | None = None
    champion: Interval | None = None
    difference: Interval | None = None


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap: rows are drawn together, so that differences stay paired."""

    level: float
    seed: int

    def intervals(
        self, measured: Sequence[ModelMetric], rows: NDArray[np.intp]
    ) -> dict[str, Intervals]:
        """The intervals of each metric on the same samples of some rows."""
        if len(rows) < 2:
            return {}
        intervals = {}
        for resamples in sorted({each.metric.resamples for each in measured}):
            group = [each for each in measured if each.metric.resamples == resamples]
            measures = [x for each in group for x in (each.challenger, each.champion) if x]
            samples = iter(self._samples(measures, rows, resamples))
            for each in group:
                challenger = next(samples)
                champion = next(samples) if each.champion else None
                intervals[each.metric.name] = Intervals(
                    self._interval(challenger),
                    None if champion is None else self._interval(champion),
                    None if champion is None else self._interval(challenger - champion),
                )
        return intervals

    def _samples(
        self, measures: Sequence[Measure], rows: NDArray[np.intp], resamples: int
    ) -> NDArray[np.float64]:
        """The value of each measure on each sample, of shape (measures, resamples)."""

        def statistic(positions: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
            return np.stack([measure(positions) for measure in measures])

        with warnings.catch_warnings():
            # SciPy's interval is undefined where one sample is; ours leaves such samples out.
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            result = stats.bootstrap(
                (rows,),
                statistic,
                vectorized=True,
                n_resamples=resamples,
                batch=max(1, min(BATCH, BATCH_CELLS // len(rows))),
                method="percentile",
                rng=np.random.default_rng(self.seed),
            )
        samples: NDArray[np.float64] = result.bootstrap_distribution
        return samples

    def _interval(self, values: NDArray[np.float64]) -> Interval | None:
        defined = values[np.isfinite(values)]
        if len(defined) < (1 - UNDEFINED_SHARE) * len(values):
            return None
        tail = (1 - self.level) / 2
        low, high = np.percentile(defined, [100 * tail, 100 * (1 - tail)])
        return float(low), float(high)
