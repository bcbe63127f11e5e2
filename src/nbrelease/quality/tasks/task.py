"""The class of tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nbrelease.quality.predictions import ScoredRows
from nbrelease.records.published import Curves


@dataclass(frozen=True)
class Task:
    """The metrics and the charts of a task.

    ``classifier``: whether the label has classes; then McNemar's test applies. ``metrics``: those
    that are measured without criteria, the main one first. ``group_metrics``: those of groups.
    ``draw_curves``: the charts of one model, from its rows and, of a forecast, the steps ahead of
    each row; None without any.
    """

    classifier: bool
    metrics: tuple[str, ...]
    group_metrics: tuple[str, ...]
    draw_curves: Callable[[ScoredRows, NDArray[Any] | None], Curves | None]
