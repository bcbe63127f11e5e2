"""The criteria file, and limits held against what was found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Limit, Waiver, gate, judge, load, verdict

SHIPPED = Path(__file__).parents[4] / "runbooks" / "criteria.yml"


def test_the_shipped_file_is_right():
    criteria = load(SHIPPED)
    assert [limit.metric for limit in criteria.metrics] == ["roc_auc", "accuracy"]
    assert criteria.waiver is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("smallest_sample:", "smalest_sample:", "did you mean smallest_sample?"),
        ("at_least: 0.80, ", "at_lest: 0.80, ", "did you mean at_least?"),
        ("{metric: accuracy, at_least: 0.70, margin: -0.01}", "{metric: accuracy}", "needs at_least, at_most, margin or loss"),
        ("smallest_sample: 300", "smallest_sample: many", "smallest_sample"),
        ("smallest_sample: 300", "smallest_sample: [", "criteria.yml"),
        ("endpoint: {error_rate: 0, p95_ms: 1000}", "endpoint: {error_rate: 2, p95_ms: 1}", "endpoint.error_rate"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_line(tmp_path, old, new, said):
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "criteria.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "criteria.yml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match="no such criteria file"):
        load(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("limit", "found", "passed"),
    [
        (Limit(metric="a", at_least=0.8), {"a": 0.8}, [True]),
        (Limit(metric="a", at_least=0.8), {"a": 0.79}, [False]),
        (Limit(metric="a", at_most=0.8), {"a": 0.81}, [False]),
        (Limit(metric="a", at_least=0.5, at_most=0.8), {"a": 0.6}, [True, True]),
        (Limit(metric="a", at_least=0.5), {"a": float("nan")}, [False]),
        (Limit(metric="a", margin=-0.01), {"a": 0.5}, []),  # no champion yet
        (Limit(metric="a", margin=-0.01), {"a": 0.5, "a.difference_low": -0.005}, [True]),
        (Limit(metric="a", margin=0), {"a": 0.5, "a.difference_low": -0.005}, [False]),
        (Limit(metric="a", loss=0.02), {"a": 0.5}, []),
        (Limit(metric="a", loss=0.02), {"a": 0.5, "a.difference_high": -0.01}, [True]),
        (Limit(metric="a", loss=0.02), {"a": 0.5, "a.difference_high": -0.03}, [False]),
    ],
)
def test_limits(limit, found, passed):
    judged = judge([limit], found)
    assert [each.passed for each in judged] == passed
    for each in judged:
        assert each.why.endswith("not met") is not each.passed


def test_what_nothing_measures_is_an_error_and_no_pass():
    with pytest.raises(SettingsError, match="nothing measures roc_acu; did you mean roc_auc"):
        judge([Limit(metric="roc_acu", at_least=0.5)], {"roc_auc": 0.9})


WAIVER = Waiver(name="Ada", reason="known", until=date(2026, 3, 1))


@pytest.mark.parametrize(
    ("value", "waiver", "today", "wanted"),
    [
        (0.9, None, date(2026, 1, 1), "passed"),
        (0.9, WAIVER, date(2026, 1, 1), "passed"),
        (0.1, None, date(2026, 1, 1), "failed"),
        (0.1, WAIVER, date(2026, 3, 1), "waived"),
        (0.1, WAIVER, date(2026, 3, 2), "failed"),
    ],
)
def test_verdicts(value, waiver, today, wanted):
    assert verdict(judge([Limit(metric="a", at_least=0.5)], {"a": value}), waiver, today) == wanted


def test_nothing_judged_is_no_pass():
    assert verdict([], WAIVER, date(2026, 1, 1)) == "failed"


@pytest.mark.parametrize(("champion", "wanted"), [("stop", "failed"), ("report", "passed")])
def test_where_the_champion_is_no_reference_its_limits_are_shown_only(champion, wanted):
    limits = [Limit(metric="a", at_least=0.5, margin=0)]
    judged = judge(limits, {"a": 0.6, "a.difference_low": -0.2})
    found = gate(judged, load(SHIPPED), "abc", champion=champion)
    assert found["verdict"] == wanted
    assert [each["passed"] for each in found["criteria"]] == [True, False]
    assert found["criteria_commit"] == "abc"


@pytest.mark.parametrize("text", ["{name: '', reason: r, until: 2026-01-01}", "{name: Ada, until: 2026-01-01}", "{name: Ada, reason: r}"])  # fmt: skip
def test_a_waiver_needs_a_name_a_reason_and_an_end(tmp_path, text):
    shipped = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "criteria.yml").write_text(f"{shipped}waiver: {text}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="waiver"):
        load(tmp_path / "criteria.yml")


def test_a_waiver_whose_day_is_over_is_refused_by_name():
    criteria = load(SHIPPED).model_copy(update={"waiver": WAIVER})
    found = gate(judge([Limit(metric="a", at_least=0.5)], {"a": 0.1}), criteria, "abc")
    assert found["verdict"] == "failed"
    assert found["waiver"] is None
    assert found["waiver_over"] == {"name": "Ada", "reason": "known", "until": "2026-03-01"}
