"""Release criteria and data checks are rendered from their fields."""

# ruff: noqa: RUF001 - the typographic characters are those of the page

from __future__ import annotations

import pytest

from nbrelease.records.criterion import CriterionResult, CriterionText
from nbrelease.records.published import Comparison, Gate, Slice
from nbrelease.report import criteria
from nbrelease.report.tasks import SliceNames
from nbrelease.report.translations import translator

ENGLISH, JAPANESE = translator("en"), translator("ja")
BY_AGE = Comparison(
    rows=3,
    metrics=[],
    slices=[
        Slice(slice="Age 0 to 30", column="Age", low=0, high=30, rows=1, metrics={}),
        Slice(slice="Age from 60", column="Age", low=60, rows=1, metrics={}),
        Slice(slice="ward 9 to 5", column="ward", category="9 to 5", rows=1, metrics={}),
    ],
)


def result(metric: str, operator: str = "at least", threshold: float | None = 0.8, **more):
    return CriterionResult.model_validate(
        {"metric": metric, "operator": operator, "threshold": threshold, "passed": False, **more}
    )


@pytest.mark.parametrize(
    ("criterion", "name", "threshold", "actual"),
    [
        (result("roc_auc", value=0.71234), "ROC AUC", "at least 0.8", "0.7123"),
        (result("rows", threshold=300, value=1.0), "Rows", "at least 300", "1"),
        (result("least", threshold=0, value=0.0, slice="Age"), "Minimum (Age)", "at least 0", "0"),
        (
            result("roc_auc", threshold=-0.02, value=0.1, slice="Age 0 to 30", baseline="champion", interval_end="low"),
            "ROC AUC (Age 0 to 30), difference from the champion (lower bound)", "at least −0.02", "+0.1000",
        ),
        (
            result("accuracy", threshold=-0.02, value=-0.1, baseline="champion", interval_end="high"),
            "Accuracy, difference from the champion (upper bound)", "at least −0.02", "−0.1000",
        ),
        (result("drift", "at most", 0.25, value=None, slice="BMI", baseline="champion"), "Drift (BMI)", "at most 0.25", "–"),
        (result("column", "present", None, slice="Age"), "Column Age", "exists", "–"),
        (result("recall_macro", value=0.5, slice="Age from 60"), "Recall (macro) (Age 60 and above)", "at least 0.8", "0.5000"),
        (result("max_error", "at most", 12500, value=812.44, slice="ward 9 to 5"), "Maximum error (ward = 9 to 5)", "at most 12,500", "812.4"),
        (result("mean_absolute_error_difference", "at most", 5, value=2.5), "MAE: largest difference between groups", "at most 5", "2.5000"),
        (result("own_metric", value=0.5), "own_metric", "at least 0.8", "0.5000"),
        (CriterionText(name="roc_auc", limit="at least 0.8", found=0.7, passed=False), "roc_auc", "at least 0.8", "0.7000"),
    ],
)  # fmt: skip
def test_name_threshold_and_actual_value(criterion, name, threshold, actual):
    assert criteria.criterion_name(criterion, ENGLISH, SliceNames(BY_AGE, ENGLISH)) == name
    assert criteria.threshold(criterion, ENGLISH) == threshold
    assert criteria.actual(criterion) == actual


def test_a_criterion_in_japanese():
    criterion = result("roc_auc", value=0.7, slice="Age 0 to 30", interval_end="low")
    assert (
        criteria.criterion_name(criterion, JAPANESE, SliceNames(BY_AGE, JAPANESE))
        == "ROC AUC (Age 0～30)、現行モデルとの差（下限）"
    )
    assert criteria.threshold(criterion, JAPANESE) == "0.8以上"


def test_only_criteria_that_count_are_missed():
    relative = result("accuracy", value=-1, baseline="champion", interval_end="low")
    many = [result(f"metric_{number}", value=number / 10) for number in range(5)]
    gate = Gate(verdict="failed", criteria=[relative, *many], champion="report")
    text = criteria.describe_missed(gate, ENGLISH, SliceNames(None, ENGLISH))
    assert "accuracy" not in text.lower()
    assert text.count(";") == criteria.MAX_MISSED
    assert "metric_2: 0.2000" in text
    assert "metric_3" not in text
