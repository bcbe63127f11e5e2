"""Kinds of columns: detected, and compared as SciPy compares them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nbrelease.quality import drift, figures
from nbrelease.quality.columns import KINDS, detect_kind
from nbrelease.quality.columns.statistics import category_stability_index, stability_index
from nbrelease.quality.criteria import Monitor

LIMITS = Monitor()
WORDS = [f"word{n}" for n in range(400)]


def texts(seed: int, rows: int = 500, words=WORDS, length: int = 8) -> pd.Series:
    draw = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(words) + 1)
    chosen = draw.choice(words, (rows, length), p=weights / weights.sum())
    sizes = draw.integers(length // 2, length + 1, rows)
    return pd.Series([" ".join(row[:size]) for row, size in zip(chosen, sizes, strict=True)])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, None, 3.0], "numeric"),
        ([1, 2, 2], "numeric"),
        (pd.Series([1, None], dtype="Int64"), "numeric"),
        (pd.Series([1, None, 2.5], dtype=object), "numeric"),
        ([True, False], "boolean"),
        ([True, None, False], "boolean"),
        (["2026-01-01", None, "2026-02-01T10:00:00Z"], "date"),
        (pd.to_datetime(["2026-01-01"]), "date"),
        ([dt.date(2026, 1, 1)], "date"),
        (["2026-01-01", "soon"], "categorical"),
        (["a", "b", None, "a"], "categorical"),
        ([None, None], "categorical"),
        (list(map(str, range(20))), "categorical"),
        (list(map(str, range(21))), "text"),
        ([f"city {n % 50}" for n in range(500)], "categorical"),
        ([f"city {n % 250}" for n in range(5000)], "text"),
        (texts(0), "text"),
        ([[1, 2], [3]] * 20, "categorical"),
    ],
)  # fmt: skip
def test_the_kind_of_a_column(values, kind):
    assert detect_kind(pd.Series(values)).name == kind


def test_numbers_are_compared_as_scipy_does():
    draw = np.random.default_rng(0)
    before, now = pd.Series(draw.normal(5, 2, 400)), pd.Series(draw.normal(6, 2, 300))
    [finding] = KINDS["numeric"].compare("x", before, now, LIMITS)
    expected = stats.ks_2samp(before, now)
    assert (finding.statistic, finding.p_value) == (expected.statistic, expected.pvalue)
    distance = stats.wasserstein_distance(before, now) / before.std(ddof=0)
    assert finding.effects["wasserstein"] == pytest.approx(distance)
    edges = [-np.inf, *np.quantile(before, np.arange(0.1, 1, 0.1)), np.inf]
    old, new = (np.histogram(x, edges)[0] / len(x) for x in (before, now))
    assert finding.effects["psi"] == pytest.approx(np.sum((new - old) * np.log(new / old)))


def test_categories_are_compared_as_scipy_does():
    before = pd.Series(["a"] * 200 + ["b"] * 100 + ["c"] * 60)
    now = pd.Series(["a"] * 100 + ["b"] * 120 + ["c"] * 80)
    [finding] = KINDS["categorical"].compare("x", before, now, LIMITS)
    counts = pd.DataFrame({"before": before.value_counts(), "now": now.value_counts()})
    expected = stats.chi2_contingency(counts, correction=False)
    assert finding.statistic == pytest.approx(expected.statistic)
    assert finding.p_value == pytest.approx(expected.pvalue)
    association = stats.contingency.association(counts, method="cramer")
    assert finding.effects["cramers_v"] == pytest.approx(association)


def test_values_are_the_same_category_whatever_their_type():
    for before, now in [([1, 0] * 50, [1.0, 0.0] * 50), ([1, 0] * 50, ["1", "0"] * 50)]:
        assert category_stability_index(pd.Series(before), pd.Series(now)) == 0


def test_dates_are_compared_by_their_time():
    days = pd.Series(pd.date_range("2025-01-01", periods=300).astype(str))
    kind = detect_kind(days)
    before, later = kind.convert(days), kind.convert(days) + pd.Timedelta(days=200)
    [finding] = kind.compare("day", before, later, LIMITS)
    assert finding.p_value == stats.ks_2samp(np.arange(300), np.arange(200, 500)).pvalue
    assert (finding.before, finding.now) == ("2025-01-01 to 2025-10-27", "2025-07-20 to 2026-05-15")


def test_texts_are_compared_by_length_and_by_words():
    kind, before = KINDS["text"], texts(1)

    def drifted(now: pd.Series) -> set[str]:
        findings = drift.correct(kind.compare("note", before, now, LIMITS), LIMITS)
        return {each.question for each in findings if each.drifted}

    assert drifted(texts(2)) == set()
    assert drifted(texts(3, length=16)) == {"length"}
    other = [word if n % 3 else f"w{n:03}x" for n, word in enumerate(WORDS)]
    assert "share of known words" in drifted(texts(4, words=other))


def test_values_of_another_kind_are_missing():
    before = pd.DataFrame({"x": np.arange(100.0), "day": pd.date_range("2026-01-01", periods=100)})
    now = pd.DataFrame({"x": ["1"] * 50 + ["many"] * 50, "day": ["soon"] * 100})
    findings = drift.find_drift(before, now, LIMITS)
    missing = {each.column: each.now for each in findings if each.question == "missing values"}
    assert missing == {"x": "50.0%", "day": "100.0%"}


def test_ignored_columns_are_not_compared():
    before = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})
    findings = drift.find_drift(before, before + 900, LIMITS.model_copy(update={"ignore": ["x"]}))
    assert {each.column for each in findings} == {"y"}


def test_stability_index():
    random = np.random.default_rng(0)
    old = random.normal(size=5000)
    assert stability_index(old, old) == 0
    assert stability_index(old, random.normal(size=5000)) < 0.02
    assert stability_index(old, random.normal(0.3, size=5000)) > 0.05
    assert stability_index(old, random.normal(2, size=5000)) > 1
    assert np.isnan(stability_index(old, np.array([np.nan])))


def test_a_constant_that_moves_is_a_shift():
    constant = np.full(100, 5.0)
    assert stability_index(constant, constant) == 0
    assert stability_index(constant, constant + 1) > 1
    assert stability_index(constant, constant - 1) > 1


@pytest.mark.parametrize(
    ("before", "after", "task", "drifted"),
    [
        ([0, 1, 0], [0, 0, 1], "binary", False),
        ([0] * 9 + [1], [0] * 5 + [1] * 5, "binary", True),
        (["a", "b"] * 50, ["b", "a"] * 50, "multiclass", False),
        (["a", "b"] * 50, ["a", "c"] * 50, "multiclass", True),
        (list(np.arange(200) / 7), list(np.arange(200) / 7 + 0.01), "regression", False),
        (list(np.arange(200) / 7), list(np.arange(200) / 7 + 900), "regression", True),
        (list(np.arange(200) / 7), list(np.arange(200) / 7 + 0.01), "", False),
        (list(np.arange(200) / 7), ["a"] * 200, "", True),
        ([5.5] * 50, [9.5] * 50, "forecasting", True),
        ([[0.1, 0.9]] * 9, [[0.2, 0.8]] * 9, "multiclass", False),
        ([[0.1, 0.9]] * 9, [[0.7, 0.3]] * 9, "multiclass", True),
        ([{"a": 1, "b": 2}] * 9, [{"a": 1, "b": 2}] * 9, "custom", False),
        (list(np.arange(200) / 200), list(np.arange(200) / 200 + 1e-4), "binary", False),
        ([1, 2, 1, None], [1, 2, 1, None], "", False),
        ([1.5, 2.5, None] * 50, [1.5, 2.5, None] * 50, "regression", False),
        ([1.5, 2.5] * 50, [1.5, None] * 50, "regression", True),
        ([1.5, 2.5] * 50, [None] * 100, "regression", True),
        ([None] * 100, [1.5, 2.5] * 50, "regression", True),
    ],
)
def test_drift_of_predictions(before, after, task, drifted):
    assert (drift.prediction_drift(before, after, task) > 0.25) == drifted


def test_no_predictions_are_an_error():
    with pytest.raises(ValueError):
        drift.prediction_drift([], [1])


def test_figures_show_each_kind():
    rows = pd.DataFrame(
        {
            "x": np.arange(500) / 7,
            "city": [f"city {n % 15}" for n in range(500)],
            "open": [True, False] * 250,
            "day": pd.date_range("2025-01-01", periods=500).astype(str),
            "note": texts(0),
        }
    )
    bars = {
        name: detect_kind(rows[name]).bars(*[detect_kind(rows[name]).convert(rows[name])] * 2)
        for name in rows
    }
    for each in bars.values():
        assert each.before == each.now
    assert len(bars["city"].labels) == 11
    assert bars["city"].labels[-1] == "other"
    assert sum(bars["city"].before) == pytest.approx(1)
    assert sorted(bars["open"].labels) == ["False", "True"]
    figure = figures.plot_distributions(rows, rows.drop(columns="city"), drifted=["note"])
    assert [axes.get_title(loc="left") for axes in figure.get_axes()][-1] == "note: drift"
