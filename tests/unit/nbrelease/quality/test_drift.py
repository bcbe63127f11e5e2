"""Drift is detected, samples without a shift raise no alarm, windows are summarized."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.drift import ROLLOUT_LIMIT, drill, measure_rollout
from benchmarks.drift_tasks import make_tasks
from hypothesis import given
from hypothesis import strategies as st

from nbrelease.errors import SettingsError
from nbrelease.quality import criteria, drift, monitor
from nbrelease.quality.columns import statistics
from nbrelease.quality.criteria import Monitor

ROOT = Path(__file__).parents[4]
TASKS = ["binary", "multiclass", "regression", "text", "forecasting"]
FILES = [ROOT / "data" / "diabetes.csv", ROOT.parent / "shared" / "data" / "diabetes.csv"]
PUBLIC = next((path for path in FILES if path.is_file()), FILES[0])
"""Tested as well as the sample, where it was downloaded."""
END = datetime(2026, 1, 4, tzinfo=UTC)
LIMITS = Monitor(smallest=50)


@pytest.fixture(scope="module")
def samples():
    return make_tasks()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-04T00:00:00", END),
        ("2026-01-04", END),
        ("2026-01-04T09:00:00+09:00", END),
    ],
)
def test_the_end_of_the_last_window_is_in_utc_unless_it_has_a_zone(text, expected):
    assert monitor.parse_end(text) == expected
    assert abs(monitor.parse_end("") - datetime.now(UTC)) < timedelta(seconds=10)
    with pytest.raises(SettingsError, match="yesterday"):
        monitor.parse_end("yesterday")


def check_windows(sample, task) -> None:
    windows = list(drill(sample, task, seed=1))
    assert [each.shift for each in windows if each.shift and not each.why] == []
    assert len(windows) == len(sample.shifts) + len(sample.prediction_shifts) + 20
    assert sum(bool(each.why) for each in windows if not each.shift) <= 1


@pytest.mark.parametrize("task", TASKS)
def test_known_shifts_are_detected_without_false_alarms(samples, task):
    check_windows(samples[task], task)


@pytest.mark.skipif(not PUBLIC.is_file(), reason="data/diabetes.csv was not downloaded")
def test_known_shifts_of_the_public_file():
    check_windows(make_tasks(PUBLIC)["binary"], "binary")


@pytest.mark.parametrize("task", TASKS)
def test_a_rollout_of_a_similar_model_goes_on_and_one_of_another_does_not(samples, task):
    new, *shifted = measure_rollout(samples[task], task, seed=1).values()
    assert new < ROLLOUT_LIMIT / 5
    assert min(shifted) > ROLLOUT_LIMIT


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values):
    adjusted = drift.holm(p_values)
    assert (adjusted >= np.array(p_values)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_equals_a_manual_calculation():
    assert drift.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_new_and_missing_categories_are_drift():
    before = pd.Series(["a"] * 500 + ["b"] * 500)
    now = pd.Series(["a"] * 480 + ["c"] * 520)
    [finding] = drift.correct([statistics.compare_categories("city", before, now, LIMITS)], LIMITS)
    assert finding.drifted
    assert finding.effects["cramers_v"] > 0.5
    assert (finding.column, finding.before, finding.now) == ("city", "a (50%)", "c (52%)")
    assert finding.why.startswith("city: ")
    sample = before.sample(300, random_state=1)
    [same] = drift.correct([statistics.compare_categories("city", before, sample, LIMITS)], LIMITS)
    assert not same.drifted
    assert same.why == ""


def test_a_constant_column_does_not_drift():
    column = pd.DataFrame({"x": np.ones(100)})
    assert not any(each.drifted for each in drift.find_drift(column, column, LIMITS))


def test_only_what_is_significant_and_large_is_drift():
    draw = np.random.default_rng(0)
    many = pd.DataFrame({"x": draw.normal(0, 1, 200_000)})
    [small, _] = drift.find_drift(many, many + 0.03, LIMITS)
    assert small.p_adjusted < 1e-6
    assert not small.drifted
    few = pd.DataFrame({"x": draw.normal(0, 1, 1000)})
    [uncertain, _] = drift.find_drift(few, few.head(6) + 0.4, LIMITS)
    assert max(uncertain.effects.values()) > 0.2
    assert not uncertain.drifted


def test_all_values_of_an_absent_column_are_missing():
    rows = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})
    [first, *_] = drift.find_drift(rows, rows[["x"]], LIMITS)
    assert (first.column, first.question, first.drifted) == ("y", "missing values", True)


def collected(*moved: bool, rows: int = 300) -> pd.DataFrame:
    """The rows of a day for each argument, the last day ending at END."""
    days = []
    for back, shift in enumerate(reversed(moved)):
        draw = np.random.default_rng(back)
        time = END - timedelta(days=back, hours=12)
        answers = draw.integers(0, 2, rows)
        days.append(
            pd.DataFrame(
                {
                    "x": draw.normal(1.0 if shift else 0.0, 1, rows),
                    "prediction": answers,
                    "time": time,
                }
            )
        )
    return pd.concat(days, ignore_index=True)


@pytest.fixture
def reference() -> monitor.Reference:
    draw = np.random.default_rng(9)
    answers = pd.Series(draw.integers(0, 2, 1000))
    right = answers.where(draw.random(1000) < 0.9, 1 - answers)
    return monitor.Reference(pd.DataFrame({"x": draw.normal(0, 1, 1000)}), answers, right)


@pytest.mark.parametrize(
    ("moved", "verdict"),
    [
        ((False, False, False), "calm"),
        ((False, False, True), "calm"),
        ((True, False, True), "drift"),
        ((False, True, True), "drift"),
        ((True, True, True), "drift"),
    ],
)
def test_two_of_three_windows_are_an_alarm(reference, moved, verdict):
    windows = monitor.judge_windows(collected(*moved), reference, LIMITS, until=END, hours=24)
    assert [window.breached for window in windows] == list(moved)
    result = monitor.summarize(windows, LIMITS)
    assert result.verdict == verdict
    assert bool(result.why) == any(moved)
    published = [window.model_dump(mode="json") for window in windows]
    json.dumps(published, allow_nan=False)


def test_without_enough_rows_the_verdict_is_unknown(reference):
    for rows in (collected(False).head(0), collected(False, rows=10)):
        windows = monitor.judge_windows(rows, reference, LIMITS, until=END, hours=24)
        assert not any(window.judged for window in windows)
        assert monitor.summarize(windows, LIMITS).verdict == "unknown"


def test_drift_of_predictions_and_of_performance(reference):
    rows = collected(False, False)
    last = rows["time"] > END - timedelta(days=1)
    rows["label"] = (1 - rows["prediction"]).where(last)
    rows["prediction"] = rows["prediction"].where(last, 1)
    _, one, two = monitor.judge_windows(rows, reference, LIMITS, until=END, hours=24)
    drifted = [[each.column for each in window.findings if each.drifted] for window in (one, two)]
    assert drifted == [["prediction"], ["performance"]]
    assert two.labels == 300


@pytest.mark.parametrize(("deviations", "drifted"), [(0, False), (0.4, True), (25, True)])
def test_shifted_numbers_are_drift_of_the_predictions_without_any_label(deviations, drifted):
    draw = np.random.default_rng(3)
    answers = pd.Series(draw.normal(200, 40, 1000))
    features = pd.DataFrame({"x": draw.normal(0, 1, 1000)})
    reference = monitor.Reference(features, answers, answers + 1, "regression")
    rows = collected(False).assign(prediction=draw.normal(200 + 40 * deviations, 40, 300))
    [*_, last] = monitor.judge_windows(rows, reference, LIMITS, until=END, hours=24)
    assert [each.column for each in last.findings if each.drifted] == ["prediction"] * drifted


def test_larger_errors_of_numbers_are_drift():
    draw = np.random.default_rng(4)
    answers = pd.Series(draw.normal(200, 40, 1000))
    features = pd.DataFrame({"x": draw.normal(0, 1, 1000)})
    labels = answers + draw.normal(0, 5, 1000)
    reference = monitor.Reference(features, answers, labels, "regression")
    rows = collected(False).assign(prediction=draw.normal(200, 40, 300))
    for spread, drifted in ((5, []), (10, ["performance"])):
        rows["label"] = rows["prediction"] + draw.normal(0, spread, 300)
        [*_, last] = monitor.judge_windows(rows, reference, LIMITS, until=END, hours=24)
        assert [each.column for each in last.findings if each.drifted] == drifted


def test_limits_that_can_never_be_reached_are_an_error(tmp_path):
    shipped = Path(__file__).parents[4] / "runbooks" / "criteria.yml"
    path = tmp_path / "criteria.yml"
    text = shipped.read_text(encoding="utf-8")
    path.write_text(text.replace("breached: 2", "breached: 4"), encoding="utf-8")
    with pytest.raises(SettingsError, match="monitor: breached"):
        criteria.load(path)
