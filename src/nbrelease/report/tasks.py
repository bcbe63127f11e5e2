"""The tasks of models on the pages: their names, their labels, and names of slices."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbrelease.records.published import ColumnKind, Comparison, Slice
from nbrelease.report import formats
from nbrelease.report.translations import N_, Translate

TASKS = {
    "binary": N_("Binary classification"),
    "multiclass": N_("Multiclass classification"),
    "regression": N_("Regression"),
    "forecasting": N_("Forecasting"),
    "custom": N_("Custom task"),
}
KINDS = {
    "numeric": N_("numeric"),
    "boolean": N_("boolean"),
    "categorical": N_("categorical"),
    "text": N_("text"),
    "date": N_("date"),
}
MEASUREMENTS = {
    "importance": N_("Feature importance"),
    "fairness": N_("Fairness"),
    "slices": N_("Slices"),
    "overlap": N_("Overlap of training rows and held-out rows"),
    "drift": N_("Drift from the champion's data"),
}
RANGE = re.compile(r"((?:.+ )?)(\S+) to (\S+)\Z", re.DOTALL)


def task_name(task: str, _: Translate) -> str:
    """The name of a task; an unknown one keeps its name."""
    return _(TASKS[task]) if task in TASKS else task


def kind_name(kind: ColumnKind | None, _: Translate) -> str:
    """The name of a kind of column."""
    return _(KINDS[kind]) if kind is not None else formats.NO_VALUE


def describe_task(comparison: Comparison, _: Translate) -> str:
    """The task with its label, for example "Regression, label rentals"."""
    name = task_name(comparison.task, _)
    if comparison.label is None:
        return name
    values = {"task": name, "label": comparison.label}
    if comparison.positive is not None:
        return _("%(task)s, label %(label)s, positive class %(positive)s") % {
            **values, "positive": comparison.positive,
        }  # fmt: skip
    if comparison.classes:
        return _("%(task)s, label %(label)s, %(count)s classes") % {
            **values, "count": len(comparison.classes),
        }  # fmt: skip
    return _("%(task)s, label %(label)s") % values


class SliceNames:
    """Names of slices and groups, from the fields of the comparison's slices.

    A criterion and a group of the fairness metrics have the text of their slice. Slices of older
    records have only this text.
    """

    def __init__(self, comparison: Comparison | None, translate: Translate) -> None:
        self._ = translate
        slices: Sequence[Slice] = comparison.slices if comparison else ()
        self._slices = {each.slice: each for each in slices}
        self._groups: dict[tuple[str, str], Slice] = {}
        for each in slices:
            if each.column is not None:
                text = each.slice.removeprefix(each.column).lstrip(" :=")
                for group in filter(None, (text, each.category)):
                    self._groups[each.column, group] = each

    def slice_name(self, text: str) -> str:
        """The name of a slice, for example "Age 0 to 30" or "season = winter"."""
        each = self._slices.get(text)
        if each is None or each.column is None:
            return self._parse(text)
        if each.category is not None:
            return f"{each.column} = {each.category}"
        return f"{each.column} {self._range(each)}"

    def group_name(self, column: str, text: str) -> str:
        """The name of a group of a sensitive column, for example "0 to 30" or "winter"."""
        each = self._groups.get((column, text))
        if each is None:
            return self._parse(text)
        return each.category if each.category is not None else self._range(each)

    def _range(self, each: Slice) -> str:
        _, low, high = self._, each.low, each.high
        if low is not None and high is not None:
            values = {"low": formats.exact(low), "high": formats.exact(high)}
            return _("%(low)s to %(high)s") % values
        if low is not None:
            return _("%(low)s and above") % {"low": formats.exact(low)}
        return _("below %(high)s") % {"high": formats.exact(high)} if high is not None else ""

    def _parse(self, text: str) -> str:
        match = RANGE.match(text)
        if match is None:
            return text
        column, low, high = match.groups()
        return column + self._("%(low)s to %(high)s") % {"low": low, "high": high}


def measurement_name(name: str, _: Translate) -> str:
    """The name of something that was not measured; an unknown one keeps its name."""
    return _(MEASUREMENTS[name]) if name in MEASUREMENTS else name
