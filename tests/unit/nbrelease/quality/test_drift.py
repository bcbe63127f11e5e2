"""What moved is found, what did not is left alone; how windows come to an alarm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.drift import SHIFTS, drill
from hypothesis import given
from hypothesis import strategies as st

from nbrelease.errors import SettingsError
from nbrelease.quality import criteria, drift, monitor
from nbrelease.quality.criteria import Monitor

ROOT = Path(__file__).parents[4]
# The public file, where somebody has fetched it, and the sample that ships.
FILES = [
    ROOT / "data" / "diabetes-sample.csv",
    ROOT / "data" / "diabetes.csv",
    ROOT.parent / "shared" / "data" / "diabetes.csv",
]
END = datetime(2026, 1, 4, tzinfo=UTC)
LIMITS = Monitor(smallest=50)


@pytest.mark.parametrize("data", [path for path in FILES if path.is_file()])
def test_the_drill(data):
    found = list(drill(data, seed=1))
    missed = [name for name, why, _ in found if name and not why]
    false = [why for name, why, _ in found if not name and why]
    assert len(found) == len(SHIFTS) + 20
    assert missed == []
    assert len(false) <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_keeps_the_order_and_is_capped(p_values):
    adjusted = drift.holm(p_values)
    assert (adjusted >= np.array(p_values)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_by_hand():
    assert drift.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_categories_that_appear_and_go():
    before = pd.Series(["a"] * 500 + ["b"] * 500)
    found = drift.categories("city", before, pd.Series(["a"] * 480 + ["c"] * 520), LIMITS)
    [judged] = drift.judged([found], LIMITS)
    assert judged.drifted
    assert judged.effects["cramers_v"] > 0.5
    assert "city: distribution moved from a (50%) to c (52%)" in judged.why
    same = drift.categories("city", before, before.sample(300, random_state=1), LIMITS)
    assert not drift.judged([same], LIMITS)[0].drifted


def test_one_value_that_stays_one_value_has_not_moved():
    column = pd.DataFrame({"x": np.ones(100)})
    assert not any(each.drifted for each in drift.compare(column, column, LIMITS))


def test_large_but_uncertain_and_certain_but_small_are_no_shifts():
    draw = np.random.default_rng(0)
    many = pd.DataFrame({"x": draw.normal(0, 1, 200_000)})
    [small, _] = drift.compare(many, many + 0.03, LIMITS)
    assert small.p_adjusted < 1e-6
    assert not small.drifted
    few = pd.DataFrame({"x": draw.normal(0, 1, 1000)})
    [uncertain, _] = drift.compare(few, few.head(6) + 0.4, LIMITS)
    assert max(uncertain.effects.values()) > 0.2
    assert not uncertain.drifted


def test_a_column_that_is_not_sent_any_more_is_missing():
    rows = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})
    [first, *_] = drift.compare(rows, rows[["x"]], LIMITS)
    assert (first.column, first.question, first.drifted) == ("y", "missing values", True)


def collected(*moved: bool, rows: int = 300) -> pd.DataFrame:
    """A day's rows for each word, the last day ending at END."""
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
    judged = monitor.windows(collected(*moved), reference, LIMITS, until=END, hours=24)
    assert [window["breached"] for window in judged] == list(moved)
    outcome = monitor.alarm(judged, LIMITS)
    assert outcome["verdict"] == verdict
    assert bool(outcome["why"]) == any(moved)
    json.dumps(judged, allow_nan=False)  # what a runbook publishes


def test_nothing_seen_is_not_calm(reference):
    for rows in (collected(False).head(0), collected(False, rows=10)):
        judged = monitor.windows(rows, reference, LIMITS, until=END, hours=24)
        assert not any(window["judged"] for window in judged)
        assert monitor.alarm(judged, LIMITS)["verdict"] == "unknown"


def test_answers_and_their_truth(reference):
    rows = collected(False, False)
    last = rows["time"] > END - timedelta(days=1)
    rows["label"] = (1 - rows["prediction"]).where(last)
    rows["prediction"] = rows["prediction"].where(last, 1)
    _, one, two = monitor.windows(rows, reference, LIMITS, until=END, hours=24)
    assert one["why"][0].startswith("prediction: distribution moved")
    assert two["why"][0].startswith("performance: wrong answers moved")
    assert two["labels"] == 300


def test_limits_that_can_never_be_reached_are_refused(tmp_path):
    shipped = Path(__file__).parents[4] / "runbooks" / "criteria.yml"
    path = tmp_path / "criteria.yml"
    text = shipped.read_text(encoding="utf-8")
    path.write_text(text.replace("breached: 2", "breached: 4"), encoding="utf-8")
    with pytest.raises(SettingsError, match="breached 4 of windows 3: never reached"):
        criteria.load(path)
