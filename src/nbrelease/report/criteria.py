"""Release criteria and data checks as readers see them: name, threshold, value."""

from __future__ import annotations

from nbrelease.records.criterion import AnyCriterion, CriterionResult
from nbrelease.records.published import Gate
from nbrelease.report import formats
from nbrelease.report.metric_labels import COUNTS, metric_name
from nbrelease.report.tasks import SliceNames
from nbrelease.report.translations import Translate

MAX_MISSED = 3
"""Criteria that a reason names; the table has all of them."""
COLUMN_VALUES = {"least", "most"}
"""Metrics that are values of a column, of any size."""


def criterion_name(criterion: AnyCriterion, _: Translate, slices: SliceNames) -> str:
    """What is measured, for example "ROC AUC (Age 0 to 30), difference from the champion"."""
    if not isinstance(criterion, CriterionResult):
        return criterion.name
    if criterion.operator == "present":
        return _("Column %(name)s") % {"name": criterion.slice}
    name = metric_name(criterion.metric, _)
    if criterion.slice:
        name = f"{name} ({slices.slice_name(criterion.slice)})"
    if criterion.interval_end == "low":
        return _("%(name)s, difference from the champion (lower bound)") % {"name": name}
    if criterion.interval_end == "high":
        return _("%(name)s, difference from the champion (upper bound)") % {"name": name}
    return name


def threshold(criterion: AnyCriterion, _: Translate) -> str:
    """The operator with the threshold, for example "at least 0.8"."""
    if not isinstance(criterion, CriterionResult):
        return criterion.limit
    if criterion.threshold is None:
        return _("exists")
    value = formats.exact(criterion.threshold)
    if criterion.operator == "at least":
        return _("at least %(value)s") % {"value": value}
    return _("at most %(value)s") % {"value": value}


def actual(criterion: AnyCriterion) -> str:
    """The measured value: counts as whole numbers, differences with their sign."""
    if not isinstance(criterion, CriterionResult):
        return formats.metric(criterion.found)
    if criterion.interval_end:
        return formats.difference(criterion.value)
    if criterion.metric in COUNTS and criterion.value is not None:
        return formats.count(criterion.value)
    if criterion.metric in COLUMN_VALUES:
        return formats.compact(criterion.value)
    return formats.metric(criterion.value)


def counts(gate: Gate, criterion: AnyCriterion) -> bool:
    """Whether a criterion can stop the release; otherwise it is informational."""
    return not (criterion.relative and gate.champion == "report")


def describe_missed(gate: Gate, _: Translate, slices: SliceNames) -> str:
    """The first criteria that were not met, each with its value and its threshold."""
    missed = [each for each in gate.criteria if counts(gate, each) and not each.passed]
    parts = [
        _("%(name)s: %(actual)s, threshold: %(threshold)s")
        % {
            "name": criterion_name(each, _, slices),
            "actual": actual(each),
            "threshold": threshold(each, _),
        }
        for each in missed[:MAX_MISSED]
    ]
    if len(missed) > MAX_MISSED:
        parts.append(_("and %(count)s more") % {"count": len(missed) - MAX_MISSED})
    return "; ".join(parts)
