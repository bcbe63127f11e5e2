"""Check that the values of the comparison agree with each other, and that the gate used them.

Differences are challenger minus champion whatever the direction of the metric; the direction says
at which end of the interval a criterion looks. Counts of the confusion matrices are recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

from nbrelease.attestation.problem import Problem
from nbrelease.records.criterion import CriterionResult
from nbrelease.records.published import Comparison, Curves, Fairness, Metric, Slice
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, not_applicable, passed_unless

ROUNDED = 1e-9
"""Relative difference of two values that are the same."""


def comparison(pack: Pack) -> Result:
    """Differences, counts and the values of the gate follow from the comparison."""
    record = pack.record
    compared = record.comparison
    if compared is None:
        return not_applicable("no comparison was published")
    problems = [
        *chain.from_iterable(_check_metric(each, compared) for each in compared.metrics),
        *_check_counts(compared),
        *chain.from_iterable(_check_slice(each, compared) for each in compared.slices),
    ]
    checked = 0
    for criterion in record.gate.criteria if record.gate else ():
        if isinstance(criterion, CriterionResult):
            expected = _find_values(criterion, compared, record.fairness)
            checked += bool(expected)
            problems += _check_criterion(criterion, expected, compared)
    text = f"{len(compared.metrics)} metrics, {len(compared.slices)} slices, {checked} criteria"
    return passed_unless(problems, f"{text} agree")


def _check_metric(metric: Metric, compared: Comparison) -> Iterator[Problem]:
    for name, bounds in (
        ("challenger", metric.challenger_interval),
        ("champion", metric.champion_interval),
        ("difference", metric.difference_interval),
    ):
        if bounds is not None and bounds[0] > bounds[1]:
            yield Problem(
                "NBV321",
                f"{metric.name}: the interval of {name} ends at {bounds[1]:g} before its start",
            )
    if (metric.champion is None) != (metric.difference is None):
        yield Problem(
            "NBV322",
            f"{metric.name}: a difference needs the champion's value, and the value a difference",
        )
    if metric.champion is None or metric.difference is None:
        return
    if compared.champion is None:
        yield Problem("NBV323", f"{metric.name}: has a champion's value, and there is no champion")
    difference = metric.challenger - metric.champion
    if not _is_same(difference, metric.difference, largest=abs(metric.challenger)):
        yield (
            Problem(
                "NBV324",
                f"{metric.name}: difference {metric.difference:g}, challenger minus champion is "
                f"{difference:g}",
            )
        )


def _check_counts(compared: Comparison) -> Iterator[Problem]:
    """The confusion matrices have the compared rows, and give the accuracies and McNemar's rows."""
    if compared.curves is None:
        return
    correct = {}
    models = {"challenger": compared.curves.challenger, "champion": compared.curves.champion}
    for model, curves in models.items():
        if curves is not None and curves.confusion is not None:
            yield from _check_confusion(model, curves, compared)
            correct[model] = sum(row[i] for i, row in enumerate(curves.confusion) if i < len(row))
    accuracy = next((each for each in compared.metrics if each.name == "accuracy"), None)
    for model, count in correct.items():
        value = getattr(accuracy, model, None)
        if value is not None and not _is_same(value, count / compared.rows):
            yield Problem(
                "NBV325",
                f"accuracy of the {model}: {value:g}, its confusion matrix has {count} correct",
            )
    if compared.mcnemar is not None and len(correct) == 2:
        more = compared.mcnemar.challenger_only - compared.mcnemar.champion_only
        if more != correct["challenger"] - correct["champion"]:
            yield Problem(
                "NBV326", f"McNemar's test: {more} more rows correct, the confusion matrices differ"
            )


def _check_confusion(model: str, curves: Curves, compared: Comparison) -> Iterator[Problem]:
    counts, size = curves.confusion or [], len(compared.classes)
    if any(len(row) != len(counts) for row in counts) or size not in (0, len(counts)):
        yield Problem("NBV327", f"confusion matrix of the {model}: not {size} by {size} classes")
    elif sum(map(sum, counts)) != compared.rows:
        yield Problem(
            "NBV328",
            f"confusion matrix of the {model}: {sum(map(sum, counts))} rows of {compared.rows}",
        )


def _check_slice(part: Slice, compared: Comparison) -> Iterator[Problem]:
    if part.rows > compared.rows:
        yield Problem("NBV329", f"slice {part.slice}: {part.rows} rows of {compared.rows}")
    if part.low is not None and part.high is not None and part.low >= part.high:
        yield Problem("NBV330", f"slice {part.slice}: {part.low:g} is not below {part.high:g}")


def _find_values(
    criterion: CriterionResult, compared: Comparison, fairness: Fairness | None
) -> list[float | None]:
    """The value that the criterion is about, in a list; empty where it is not of the comparison."""
    name = criterion.metric
    if criterion.slice is not None:
        part = next((each for each in compared.slices if each.slice == criterion.slice), None)
        if part is None or name not in part.metrics:
            return []
        if criterion.interval_end is None:
            return [part.metrics[name]]
        return [_end((part.difference_intervals or {}).get(name), criterion)]
    if name == "rows":
        return [float(compared.rows)]
    metric = next((each for each in compared.metrics if each.name == name), None)
    if metric is not None:
        if criterion.interval_end is None:
            return [metric.challenger]
        return [_end(metric.difference_interval, criterion)]
    if fairness is not None:
        for suffix, values in (("_difference", fairness.differences), ("_most", fairness.most)):
            if name.endswith(suffix) and name.removesuffix(suffix) in values:
                return [values[name.removesuffix(suffix)]]
    return []


def _end(bounds: tuple[float, float] | None, criterion: CriterionResult) -> float | None:
    return None if bounds is None else bounds[criterion.interval_end == "high"]


def _check_criterion(
    criterion: CriterionResult, expected: list[float | None], compared: Comparison
) -> Iterator[Problem]:
    if expected and not _is_same(criterion.value, expected[0]):
        value, measured = (_text(each) for each in (criterion.value, expected[0]))
        yield Problem("NBV331", f"criterion {criterion.name}: {value}, measured: {measured}")
    directions = {each.name: each.direction for each in compared.metrics}
    if criterion.interval_end is None or criterion.metric not in directions:
        return
    better = directions[criterion.metric]
    if criterion.operator != ("at least" if better == "higher" else "at most"):
        yield Problem(
            "NBV332", f"criterion {criterion.name}: {criterion.operator}, and {better} is better"
        )


def _is_same(one: float | None, other: float | None, largest: float = 0.0) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=ROUNDED, abs_tol=ROUNDED * max(largest, 1e-3))


def _text(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"
