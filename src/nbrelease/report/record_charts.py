"""The drawings of a record: which chart shows which field."""

from __future__ import annotations

from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Interval
from nbrelease.report import charts
from nbrelease.report.names import metric_name
from nbrelease.report.words import translator


def _ends(known: Interval | None) -> tuple[float | None, float | None]:
    return known or (None, None)


class Drawings:
    """The drawings of a record, each made when the page asks for it."""

    def __init__(self, record: ReleaseRecord) -> None:
        self.record, self._ = record, translator(record.language)

    def _name(self, metric: str) -> str:
        return metric_name(metric, self._)

    @property
    def curves(self) -> bool:
        """Whether there are any curves, which need a key."""
        found = self.record.comparison.curves if self.record.comparison else None
        return bool(found and (found.challenger.roc or found.challenger.calibration))

    @property
    def intervals(self) -> tuple[str, Any] | None:
        """Differences with their intervals, or the challenger's own: title and drawing."""
        comparison, _ = self.record.comparison, self._
        if comparison is None:
            return None
        differences = [
            charts.Range(self._name(m.name), "new", m.difference, *_ends(m.difference_interval))
            for m in comparison.metrics
            if m.difference is not None
        ]
        if differences:
            title = _("Challenger minus champion; right of the dotted line it is better")
            return title, charts.intervals(title, differences, zero=True)
        if not comparison.metrics:
            return None
        title = _("The challenger, with its intervals")
        ranges = [
            charts.Range(self._name(m.name), "new", m.challenger, *_ends(m.challenger_interval))
            for m in comparison.metrics
        ]
        return title, charts.intervals(title, ranges)

    @property
    def model(self) -> list[tuple[str, Any]]:
        """ROC and calibration curves: title and drawing."""
        comparison, _ = self.record.comparison, self._
        if comparison is None or comparison.curves is None:
            return []
        found = []
        for kind, title, x, y in (
            ("roc", _("ROC curve"), _("False positive rate"), _("True positive rate")),
            ("calibration", _("Calibration"), _("Predicted"), _("Observed")),
        ):
            series = [
                charts.Series(name, style, getattr(each, kind))
                for name, style, each in (
                    (_("challenger"), "new", comparison.curves.challenger),
                    (_("champion"), "old", comparison.curves.champion),
                )
                if each is not None and getattr(each, kind)
            ]
            if series:
                found.append((title, charts.square(title, series, x, y)))
        return found

    @property
    def confusions(self) -> list[tuple[str, Any]]:
        """Confusion matrices: title and counts."""
        curves = self.record.comparison.curves if self.record.comparison else None
        if curves is None:
            return []
        both = (
            (self._("Confusion matrix of the challenger"), curves.challenger),
            (self._("Confusion matrix of the champion"), curves.champion),
        )
        return [(title, each.confusion) for title, each in both if each and each.confusion]

    @property
    def importance(self) -> Any:
        """Permutation importance."""
        rows = [(row.feature, row.mean, row.std) for row in self.record.importance or []]
        return charts.bars(self._("What the model leans on"), rows)

    @property
    def drift(self) -> Any:
        """Drift of each column, with the usual limits."""
        profile = self.record.data_profile
        rows = [
            (row.column, row.psi, None)
            for row in (profile and profile.drift) or []
            if row.psi is not None
        ]
        title = self._("Drift against the champion's data")
        return charts.bars(title, rows, [(0.1, "0.1"), (0.25, "0.25")]) if rows else ""
