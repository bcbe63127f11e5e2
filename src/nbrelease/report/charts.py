"""The charts of a report: which fields of the record each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Interval
from nbrelease.report import svg
from nbrelease.report.labels import metric_name
from nbrelease.report.translations import translator


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with its title."""

    title: str
    drawing: Any


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts by actual (rows) and predicted (columns) value of the label."""

    title: str
    counts: list[list[int]]
    labels: tuple[str, ...] = ("0", "1")


class Charts:
    """The charts of a record; the page takes those that it shows."""

    def __init__(self, record: ReleaseRecord) -> None:
        self.record, self._ = record, translator(record.language)

    @property
    def intervals(self) -> Chart | None:
        """Differences with their confidence intervals, or the challenger's own intervals."""
        comparison, _ = self.record.comparison, self._
        if comparison is None or not comparison.metrics:
            return None
        title = _("Challenger minus champion. Right of the dotted line the challenger is better.")
        differences = [
            self._range(metric.name, metric.difference, metric.difference_interval)
            for metric in comparison.metrics
            if metric.difference is not None
        ]
        if differences:
            return Chart(title, svg.intervals(title, differences, zero=True))
        title = _("Challenger with confidence intervals")
        values = [
            self._range(metric.name, metric.challenger, metric.challenger_interval)
            for metric in comparison.metrics
        ]
        return Chart(title, svg.intervals(title, values))

    def _range(self, metric: str, value: float, interval: Interval | None) -> svg.Range:
        low, high = interval or (None, None)
        return svg.Range(metric_name(metric, self._), "new", value, low, high)

    @property
    def curves(self) -> list[Chart]:
        """ROC and calibration curves."""
        comparison, _ = self.record.comparison, self._
        if comparison is None or comparison.curves is None:
            return []
        charts = []
        for kind, title, x, y in (
            ("roc", _("ROC curve"), _("False positive rate"), _("True positive rate")),
            ("calibration", _("Calibration curve"), _("Predicted"), _("Observed")),
        ):
            series = [
                svg.Series(name, style, getattr(each, kind))
                for name, style, each in (
                    (_("Challenger"), "new", comparison.curves.challenger),
                    (_("Champion"), "old", comparison.curves.champion),
                )
                if each is not None and getattr(each, kind)
            ]
            if series:
                charts.append(Chart(title, svg.square(title, series, x, y)))
        return charts

    @property
    def confusion_matrices(self) -> list[ConfusionMatrix]:
        """The confusion matrices of both models."""
        curves = self.record.comparison.curves if self.record.comparison else None
        if curves is None:
            return []
        both = (
            (self._("Confusion matrix of the challenger"), curves.challenger),
            (self._("Confusion matrix of the champion"), curves.champion),
        )
        return [
            ConfusionMatrix(title, each.confusion)
            for title, each in both
            if each and each.confusion
        ]

    @property
    def importance(self) -> Any:
        """Permutation importance."""
        rows = [(row.feature, row.mean, row.std) for row in self.record.importance or []]
        return svg.bars(self._("Feature importance"), rows)

    @property
    def drift(self) -> Any:
        """Drift of each column, with the usual limits."""
        profile = self.record.data_profile
        rows = [
            (row.column, row.psi, None)
            for row in (profile and profile.drift) or []
            if row.psi is not None
        ]
        title = self._("Drift from the champion's data")
        return svg.bars(title, rows, [(0.1, "0.1"), (0.25, "0.25")]) if rows else ""
