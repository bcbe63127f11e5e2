"""The metrics of a release that stand for its quality: those of the comparison come first."""

from __future__ import annotations

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Direction
from nbrelease.report.metric_labels import COUNTS, has_label


def main_metrics(record: ReleaseRecord, limit: int) -> dict[str, float]:
    """The main metric and the next ones, each with the value of the model of the release.

    Without a comparison they are the metrics of the training job: that of the importance and those
    with a scikit-learn name first, counts of rows never.
    """
    if record.comparison is not None:
        return {each.name: each.challenger for each in record.comparison.metrics[:limit]}
    names = [name for name in record.metrics if name not in COUNTS]
    names.sort(key=lambda name: (name != record.importance_metric, not has_label(name)))
    return {name: record.metrics[name] for name in names[:limit]}


def directions(record: ReleaseRecord) -> dict[str, Direction]:
    """The direction of each metric of the comparison."""
    metrics = record.comparison.metrics if record.comparison else []
    return {each.name: each.direction for each in metrics}
