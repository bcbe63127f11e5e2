"""The charts of a report: which fields of the record each of them shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean, quantiles
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Curves, Interval, Metric, Point
from nbrelease.report import svg
from nbrelease.report.metric_labels import metric_name
from nbrelease.report.translations import Translate, translator

WIDEST_MATRIX = 4
"""Classes of a matrix that fits next to a chart."""
DIAGONAL = ((0.0, 0.0), (1.0, 1.0))
COMPARABLE = 10
"""Metrics are drawn on one scale if the largest is at most this many times the smallest."""


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, with its id and title, and what its dotted line is."""

    id: str
    title: str
    drawing: Any
    guide: str = ""


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts by actual (rows) and predicted (columns) class, in the order of ``labels``."""

    title: str
    counts: list[list[int]]
    labels: list[str]

    @property
    def is_wide(self) -> bool:
        """Whether it needs the whole width of the page."""
        return len(self.labels) > WIDEST_MATRIX

    @property
    def recall(self) -> list[float | None]:
        """The share of the rows of each class that are predicted correctly."""
        return [_share(row[number], sum(row)) for number, row in enumerate(self.counts)]

    @property
    def precision(self) -> list[float | None]:
        """The share of the predictions of each class that are correct."""
        columns = zip(*self.counts, strict=True)
        return [_share(column[number], sum(column)) for number, column in enumerate(columns)]


@dataclass(frozen=True)
class ResidualSummary:
    """Residuals (actual minus predicted) of a sample of the rows: mean and percentiles."""

    model: str
    rows: int
    mean: float
    low: float
    median: float
    high: float

    @property
    def size(self) -> float:
        """The largest of its values, without sign."""
        return max(map(abs, (self.mean, self.low, self.median, self.high)))


@dataclass(frozen=True)
class HorizonTable:
    """For each number of steps ahead the error of each model; None where it has none."""

    models: list[str]
    rows: list[tuple[float, list[float | None]]]

    @property
    def size(self) -> float:
        """The largest error."""
        return max((each or 0.0 for _step, errors in self.rows for each in errors), default=0.0)


class Charts:
    """The charts of a record; the page takes those that it shows."""

    def __init__(self, record: ReleaseRecord) -> None:
        self.record, self._ = record, translator(record.language)

    @property
    def intervals(self) -> list[Chart]:
        """Differences with their confidence intervals, or the challenger's own intervals.

        Metrics of another direction or of another size have a chart of their own.
        """
        comparison, _ = self.record.comparison, self._
        if comparison is None:
            return []
        compared = [each for each in comparison.metrics if each.difference is not None]
        if not compared:
            title = _("Challenger with confidence intervals")
            return [
                Chart(
                    "intervals",
                    title,
                    svg.intervals(title, [_own_range(each, _) for each in group]),
                )
                for same in _by_direction(comparison.metrics)
                for group in _group_metrics(same, _largest_of_own)
            ]
        charts = []
        titles = {
            "higher": _(
                "Challenger minus champion. Right of the dotted line the challenger is better."
            ),
            "lower": _(
                "Challenger minus champion. Left of the dotted line the challenger is better."
            ),
        }
        for same in _by_direction(compared):
            title = titles[same[0].direction]
            for group in _group_metrics(same, _largest_of_difference):
                ranges = [_difference_range(each, _) for each in group]
                charts.append(Chart("intervals", title, svg.intervals(title, ranges, zero=True)))
        return charts

    @property
    def curves(self) -> list[Chart]:
        """ROC, precision-recall and calibration curves."""
        _ = self._
        share = self._positive_share()
        positives = () if share is None else ((0.0, share), (1.0, share))
        comparison = self.record.comparison
        is_multiclass = comparison is not None and comparison.task == "multiclass"
        calibration = (
            _("Calibration curve of the predicted class")
            if is_multiclass
            else _("Calibration curve")
        )
        kinds: tuple[tuple[str, str, str, str, Sequence[Point]], ...] = (
            ("roc", _("ROC curve"), _("False positive rate"), _("True positive rate"), DIAGONAL),
            (
                "precision_recall",
                _("Precision-recall curve"), _("Recall"), _("Precision"), positives,
            ),
            ("calibration", calibration, _("Predicted"), _("Observed"), DIAGONAL),
        )  # fmt: skip
        guides = {
            "roc": _("chance"),
            "precision_recall": _("share of positives") if positives else "",
            "calibration": _("perfect calibration"),
        }
        return [
            Chart(
                kind, title, svg.plot(title, series, svg.Axis(x), svg.Axis(y), line), guides[kind]
            )
            for kind, title, x, y, line in kinds
            if (series := self._lines(attrgetter(kind)))
        ]

    def _positive_share(self) -> float | None:
        """The share of the positive class, from the confusion matrix."""
        comparison = self.record.comparison
        confusion = (
            comparison.curves.challenger.confusion if comparison and comparison.curves else None
        )
        if comparison is None or confusion is None or len(confusion) != 2:
            return None
        names = comparison.classes
        number = names.index(comparison.positive) if comparison.positive in names else 1
        return _share(sum(confusion[number]), sum(map(sum, confusion)))

    def _lines(
        self, points: Callable[[Curves], list[Point]], is_line: bool = True
    ) -> list[svg.Series]:
        return [
            svg.Series(name, kind, points(curves), is_line)
            for name, kind, curves in self._models()
            if points(curves)
        ]

    def _models(self) -> Iterator[tuple[str, str, Curves]]:
        """The name, the style and the curves of each model."""
        both = self.record.comparison.curves if self.record.comparison else None
        if both is not None:
            yield self._("Challenger"), "new", both.challenger
            if both.champion is not None:
                yield self._("Champion"), "old", both.champion

    @property
    def predicted_actual(self) -> Iterator[Chart]:
        """Predicted against actual values: a chart of each model, on one scale."""
        _, models = self._, self._lines(lambda curves: curves.predicted_actual, is_line=False)
        ends = [value for model in models for point in model.points for value in point]
        x, y = svg.Axis.around(_("Predicted"), ends), svg.Axis.around(_("Actual"), ends)
        diagonal = ((x.low, x.low), (x.high, x.high))
        for model in models:
            title = _("Predicted and actual values: %(model)s") % {"model": model.name}
            drawing = svg.plot(title, [model], x, y, diagonal)
            yield Chart("predicted_actual", title, drawing, _("prediction equals actual value"))

    @property
    def residuals(self) -> Iterator[Chart]:
        """Residuals: a chart of each model, on one scale."""
        _, models = self._, self._lines(lambda curves: curves.residuals, is_line=False)
        points = [point for model in models for point in model.points]
        x = svg.Axis.around(_("Predicted"), [predicted for predicted, _residual in points])
        largest = max((abs(residual) for _predicted, residual in points), default=0)
        y = svg.Axis.around(_("Actual minus predicted"), (-largest, largest))
        for model in models:
            title = _("Residuals: %(model)s") % {"model": model.name}
            drawing = svg.plot(title, [model], x, y, ((x.low, 0.0), (x.high, 0.0)))
            yield Chart("residuals", title, drawing, _("no error"))

    @property
    def residual_summaries(self) -> list[ResidualSummary]:
        """Mean, median, 5th and 95th percentile of the residuals of each model."""
        return [
            _summarize(name, [residual for _predicted, residual in curves.residuals])
            for name, _kind, curves in self._models()
            if len(curves.residuals) > 1
        ]

    @property
    def horizon(self) -> Chart | None:
        """The error by steps ahead."""
        _ = self._
        lines = self._lines(lambda curves: curves.errors_by_horizon)
        if not lines:
            return None
        title = _("Error by steps ahead")
        steps = [step for each in lines for step, _error in each.points]
        errors = [error for each in lines for _step, error in each.points]
        x = svg.Axis.around(_("Steps ahead"), steps)
        y = svg.Axis(_("Mean absolute error"), 0.0, max(errors) * 1.08 or 1.0)
        return Chart("horizon", title, svg.plot(title, lines, x, y))

    @property
    def horizon_table(self) -> HorizonTable:
        """The values of the chart of errors by steps ahead."""
        lines = self._lines(lambda curves: curves.errors_by_horizon)
        errors = [dict(line.points) for line in lines]
        steps = sorted({step for each in errors for step in each})
        rows = [(step, [each.get(step) for each in errors]) for step in steps]
        return HorizonTable([line.name for line in lines], rows)

    @property
    def confusion_matrices(self) -> list[ConfusionMatrix]:
        """The confusion matrices of both models."""
        _, comparison = self._, self.record.comparison
        titles = {
            "new": _("Confusion matrix of the challenger"),
            "old": _("Confusion matrix of the champion"),
        }
        classes = comparison.classes if comparison else []
        return [
            ConfusionMatrix(
                titles[kind],
                curves.confusion,
                classes
                if len(classes) == len(curves.confusion)
                else [str(number) for number in range(len(curves.confusion))],
            )
            for _name, kind, curves in self._models()
            if curves.confusion
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


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _summarize(model: str, residuals: list[float]) -> ResidualSummary:
    parts = quantiles(residuals, n=20, method="inclusive")
    return ResidualSummary(model, len(residuals), fmean(residuals), parts[0], parts[9], parts[-1])


def _own_range(metric: Metric, _: Translate) -> svg.Range:
    return _range(metric, metric.challenger, metric.challenger_interval, _)


def _difference_range(metric: Metric, _: Translate) -> svg.Range:
    return _range(metric, metric.difference or 0.0, metric.difference_interval, _)


def _range(metric: Metric, value: float, interval: Interval | None, _: Translate) -> svg.Range:
    low, high = interval or (None, None)
    return svg.Range(metric_name(metric.name, _), "new", value, low, high)


def _largest_of_own(metric: Metric) -> float:
    low, high = metric.challenger_interval or (0.0, 0.0)
    return max(abs(metric.challenger), abs(low), abs(high))


def _largest_of_difference(metric: Metric) -> float:
    low, high = metric.difference_interval or (0.0, 0.0)
    return max(abs(metric.difference or 0.0), abs(low), abs(high))


def _by_direction(metrics: Sequence[Metric]) -> list[list[Metric]]:
    """Metrics of one direction, the direction of the main metric first."""
    directions = dict.fromkeys(each.direction for each in metrics)
    return [[each for each in metrics if each.direction == name] for name in directions]


def _group_metrics(
    metrics: Sequence[Metric], size: Callable[[Metric], float]
) -> list[list[Metric]]:
    """Metrics that can be drawn on one scale, in their order."""
    groups: list[list[Metric]] = []
    for metric in metrics:
        for group in groups:
            small, large = sorted((size(metric), size(group[0])))
            if large <= COMPARABLE * small or large == 0:
                group.append(metric)
                break
        else:
            groups.append([metric])
    return groups
