"""What metrics, criteria, checks and slices are called on a page.

The record has their names in code, and in English; which column or which model is data. What is our
wording of it is said here as people say it, in the page's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nbrelease.records.criterion import AnyCriterion

Translate = Callable[[str], str]

METRICS = {
    "accuracy": "Accuracy",
    "roc_auc": "ROC AUC",
    "positive_share": "Share of positives",
    "selection_rate": "Selection rate",
    "false_negative_rate": "False negative rate",
    "calibration_error": "Calibration error",
    "test_rows": "Rows held out",
    "train_rows": "Rows trained on",
    "rows": "Rows",
    "overlap_rows": "Held-out rows that were trained on",
    "overlap": "Share of held-out rows that were trained on",
    "accuracy_difference": "Largest difference of accuracy between groups",
    "selection_rate_difference": "Largest difference of selection rates between groups",
    "false_negative_rate_difference": "Largest difference of false negative rates between groups",
    "calibration_error_difference": "Largest difference of calibration errors between groups",
    "accuracy_most": "Largest accuracy of a group",
    "selection_rate_most": "Largest selection rate of a group",
    "false_negative_rate_most": "Largest false negative rate of a group",
    "calibration_error_most": "Largest calibration error of a group",
    "drift": "Drift",
    "duplicates": "Share of duplicates",
    "missing": "Share of missing values",
    "least": "Least",
    "most": "Most",
    "label values": "Values of the label",
    "label told by the id": "How far the id tells the label",
}
SHOWN = 3
"""Criteria that a headline names; the table has all of them."""
AGAINST = " against the champion"
OVERLAP = "held-out rows that were trained on"
PARTS = re.compile(r"(.+?)(?: \((.*)\))?\Z", re.DOTALL)
BAND = re.compile(r"((?:.+ )?)(\S+) to (\S+)\Z", re.DOTALL)


def metric_name(name: str, _: Translate) -> str:
    """A metric as people call it; one that is not known here keeps its own name."""
    return _(METRICS[name]) if name in METRICS else name


def slice_name(name: str, _: Translate) -> str:
    """A slice or group: "Age 0 to 30"; one in another form keeps its own name."""
    band = BAND.match(name)
    if band is None:
        return name
    column, low, high = band.groups()
    return column + _("%(low)s to %(high)s") % {"low": low, "high": high}


def judged_name(name: str, _: Translate) -> str:
    """A criterion or a check of the data: "ROC AUC (Age 0 to 30) against the champion"."""
    if name.endswith(AGAINST):
        inner = judged_name(name.removesuffix(AGAINST), _)
        return _("%(name)s against the champion") % {"name": inner}
    if name.startswith("column "):
        return _("column %(name)s") % {"name": name.removeprefix("column ")}
    parts = PARTS.match(name)
    if parts is None or parts[1] not in METRICS:
        return name
    metric = metric_name(parts[1], _)
    of = parts[2]
    return f"{metric} ({slice_name(of, _)})" if of and of != OVERLAP else metric


def limit_words(text: str, _: Translate) -> str:
    """A limit, which the record has in English, in the page's language."""
    if text == "there":
        return _("there")
    for english in ("at least %(value)s", "at most %(value)s"):
        words = english.partition("%")[0]
        if text.startswith(words):
            value = text.removeprefix(words).replace("-", "\N{MINUS SIGN}", 1)
            return _(english) % {"value": value}
    return text


def missed(
    criteria: list[AnyCriterion], figure: Callable[[float | None], str], _: Translate
) -> str:
    """The first criteria that were not met, each with what was found and what was asked."""
    said = [
        _("%(name)s: %(found)s, %(limit)s asked")
        % {
            "name": judged_name(each.name, _),
            "found": figure(each.found),
            "limit": limit_words(each.limit, _),
        }
        for each in criteria[:SHOWN]
    ]
    if len(criteria) > SHOWN:
        said.append(_("and %(count)s more") % {"count": len(criteria) - SHOWN})
    return "; ".join(said)
