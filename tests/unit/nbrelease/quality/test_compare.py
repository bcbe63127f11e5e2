"""Challenger against champion, held against other people's implementations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve

from nbrelease.errors import SettingsError
from nbrelease.quality import compare, criteria, data, judge, pictures, responsible

CRITERIA = criteria.load(Path(__file__).parents[4] / "runbooks" / "criteria.yml")


def scores(seed: int, rows: int = 600, signal: float = 1.0):
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.3).astype(np.int64)
    probability = 1 / (1 + np.exp(-(signal * (2 * label - 1) + random.normal(size=rows))))
    return label, probability


def compared(label, challenger, champion, **words):
    features = pd.DataFrame({"Age": np.linspace(21, 75, len(label))})
    return compare.compare(
        label, challenger, champion, version="3", features=features, criteria=CRITERIA, **words
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2))  # fmt: skip
def test_metrics_are_scikit_learns_ties_included(pairs):
    label, probability = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    assert compare.accuracy(label, probability) == accuracy_score(label, probability > 0.5)
    found = compare.roc_auc(label, probability)
    if len(set(label)) == 2:
        assert found == pytest.approx(roc_auc_score(label, probability))
    else:
        assert np.isnan(found)


def test_many_samples_at_once_are_the_same_as_each_alone():
    rows = [scores(seed, 50) for seed in range(4)]
    labels, probabilities = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    for measure in compare.METRICS.values():
        each = [measure(label, probability) for label, probability in rows]
        assert measure(labels, probabilities, axis=-1) == pytest.approx(each)


def test_the_first_release_has_no_champion():
    label, probability = scores(1)
    found = compared(label, probability, None)
    assert found["champion"] is None
    assert found["mcnemar"] is None
    assert {metric["difference"] for metric in found["metrics"]} == {None}
    judged = judge.everything(found, None, {}, CRITERIA.model_copy(update={"fairness": []}))
    assert not any(each.relative for each in judged)


def test_differences_are_paired():
    label, champion = scores(1, signal=0.6)
    better = np.clip(champion + 0.05 * (2 * label - 1), 0, 1)
    found = {metric["name"]: metric for metric in compared(label, better, champion)["metrics"]}
    row = found["roc_auc"]
    low, high = row["difference_interval"]
    assert 0 < low < row["difference"] < high
    wide = row["challenger_interval"][1] - row["challenger_interval"][0]
    assert high - low < wide / 2
    same = compared(label, champion, champion)["metrics"][1]
    assert same["difference_interval"] == [0, 0]


def test_the_same_seed_gives_the_same_intervals_and_json_holds_them():
    label, probability = scores(2)
    _, other = scores(3)
    first, second = (compared(label, probability, other, seed=7) for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(second, allow_nan=False)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    truth = float(np.mean([compare.accuracy(*scores(1000 + n, 4000)) for n in range(20)]))
    inside = 0
    for seed in range(60):
        label, probability = scores(seed, 300)
        low, high = compared(label, probability, None)["metrics"][0]["challenger_interval"]
        inside += low <= truth <= high
    assert inside >= 51  # 95 % of 60 is 57


@pytest.mark.parametrize(
    ("ours", "theirs", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 * 0.5**10), (1, 7, 0.0703125)],
)
def test_mcnemar(ours, theirs, p_value):
    label = np.ones(ours + theirs + 3, dtype=np.int64)
    challenger = np.r_[np.ones(ours), np.zeros(theirs), np.ones(3)]
    champion = np.r_[np.zeros(ours), np.ones(theirs), np.ones(3)]
    found = compare.mcnemar(label, challenger, champion)
    assert (found["challenger_only"], found["champion_only"]) == (ours, theirs)
    assert found["p_value"] == pytest.approx(p_value)


def test_curves():
    label, probability = scores(4)
    found = compare.curves(label, probability)
    false, true, _ = roc_curve(label, probability, drop_intermediate=False)
    for x, y in found["roc"]:
        assert np.min(np.abs(false - x) + np.abs(true - y)) < 1e-5
    assert found["roc"][0] == [0, 0]
    assert found["roc"][-1] == [1, 1]
    assert sum(map(sum, found["confusion"])) == len(label)


def test_slices_are_gated_where_they_are_large_enough():
    label, probability = scores(5)
    found = compared(label, probability, None)
    assert [each["slice"] for each in found["slices"]] == ["Age 0 to 30", "Age 30 to 45", "Age 45 to 60", "Age 60 to 150"]  # fmt: skip
    assert sum(each["rows"] for each in found["slices"]) == len(label)
    worst = {
        **found,
        "slices": [{**found["slices"][0], "metrics": {"accuracy": 0.4, "roc_auc": 0.4}}],
    }
    plain = CRITERIA.model_copy(update={"fairness": []})
    failed = [each.name for each in judge.everything(worst, None, {}, plain) if not each.passed]
    assert failed == ["roc_auc (Age 0 to 30)"]
    small = {**worst, "slices": [worst["slices"][0], {**found["slices"][1], "rows": 5}]}
    assert len(judge.everything(small, None, {}, plain)) < len(judge.everything(found, None, {}, plain))  # fmt: skip
    alone = {**worst, "slices": [{**worst["slices"][0], "rows": 5}]}
    with pytest.raises(SettingsError, match="no band of Age has 30 held-out rows"):
        judge.everything(alone, None, {}, plain)


PLAIN = CRITERIA.model_copy(update={"fairness": []})


def challenger(kind: str, probability, age):
    """The champion's answers, or as they are when something went wrong."""
    draw = np.random.default_rng(3)
    other = draw.permutation(probability)
    worse = {
        "equal": np.zeros(len(age), bool),
        "worse": draw.random(len(age)) < 0.1,
        "worse on one band": (age >= 45) & (age < 60) & (draw.random(len(age)) < 0.5),
    }[kind]
    return np.where(worse, other, probability)


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("equal", set()),
        ("worse", {"roc_auc against the champion", "accuracy against the champion"}),
        ("worse on one band", {"accuracy (Age 45 to 60) against the champion"}),
    ],
)
def test_a_challenger_that_is_no_better(kind, failed):
    label, champion = scores(6, 4000, signal=1.5)
    age = np.random.default_rng(7).uniform(20, 80, len(label))
    found = compare.compare(
        label,
        challenger(kind, champion, age),
        champion,
        version="1",
        features=pd.DataFrame({"Age": age}),
        criteria=PLAIN,
    )
    judged = [each.name for each in judge.everything(found, None, {}, PLAIN) if not each.passed]
    assert failed <= set(judged)
    assert bool(failed) == bool(judged)
    bands = {name for name in judged if "Age" in name}
    assert all("45 to 60" in name for name in bands) or kind == "worse"


def test_slices_of_a_column_that_is_not_there_are_an_error():
    label, probability = scores(1)
    with pytest.raises(SettingsError, match=r"nothing measures slices.column Age; the rows have B"):
        compare.compare(
            label,
            probability,
            None,
            version=None,
            features=pd.DataFrame({"B": label}),
            criteria=CRITERIA,
        )


def test_rows_that_were_trained_on_too_stop_the_gate():
    label, probability = scores(5)
    found = compared(label, probability, None)
    judged = judge.everything(found, None, {"overlap": 3}, PLAIN)
    assert [x.metric for x in judged if not x.passed] == ["overlap"]


def test_stability_index():
    random = np.random.default_rng(0)
    old = random.normal(size=5000)
    assert data.stability_index(old, old) == 0
    assert data.stability_index(old, random.normal(size=5000)) < 0.02
    assert data.stability_index(old, random.normal(0.3, size=5000)) > 0.05
    assert data.stability_index(old, random.normal(2, size=5000)) > 1
    assert np.isnan(data.stability_index(old, np.array([np.nan])))


def sample(**columns) -> pd.DataFrame:
    rows = pd.read_csv(Path(__file__).parents[4] / "data" / "diabetes-sample.csv")
    return rows.assign(**columns)


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (lambda rows: rows, []),
        (lambda rows: rows.drop(columns="BMI"), ["column BMI"]),
        (lambda rows: rows.drop(columns="PatientID"), ["column PatientID"]),
        (lambda rows: pd.concat([rows, rows.head(100).assign(PatientID=range(100))]), ["duplicates"]),
        (lambda rows: rows.assign(Age=rows.Age.where(rows.index != 3, 190)), ["most (Age)"]),
        (lambda rows: rows.assign(BMI=rows.BMI.where(rows.index > 9)), ["missing (BMI)"]),
        (lambda rows: pd.concat([rows, rows.head(100)]), ["duplicates"]),
        (lambda rows: rows.assign(Diabetic=1), ["label values (Diabetic)", "label told by the id (PatientID)"]),
        (lambda rows: rows.assign(PatientID=rows.Diabetic * 10_000 + range(len(rows))), ["label told by the id (PatientID)"]),
    ],
)  # fmt: skip
def test_data_checks(change, failed):
    found = data.profile(change(sample()), CRITERIA, "Diabetic")
    assert [check["name"] for check in found["checks"] if not check["passed"]] == failed
    json.dumps(found, allow_nan=False)


def test_what_a_model_leans_on_and_whom_it_serves_worse():
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(2)
    features = pd.DataFrame({"Age": random.uniform(20, 80, 900), "noise": random.normal(size=900)})
    label = pd.Series((features.Age + random.normal(0, 5, 900) > 50).astype(int))
    model = LogisticRegression().fit(features, label)
    found = responsible.importance(model, features, label)
    assert found[0]["feature"] == "Age"
    assert found[0]["mean"] > 0.3 > found[1]["mean"] + 0.25
    groups = responsible.fairness(label, model.predict_proba(features)[:, 1], features, CRITERIA)
    assert sum(group["rows"] for group in groups["groups"]) == 900
    assert groups["differences"]["selection_rate"] == pytest.approx(1, abs=0.05)
    assert (found[0]["best_rank"], found[0]["worst_rank"]) == (1, 1)


def test_calibration_is_measured_by_group():
    draw = np.random.default_rng(0)
    age, truth = draw.uniform(20, 80, 6000), draw.uniform(0, 1, 6000)
    label = pd.Series((draw.random(6000) < truth).astype(int))
    said = np.where(age < 30, np.clip(truth + 0.2, 0, 1), truth)
    found = responsible.fairness(label, said, pd.DataFrame({"Age": age}), CRITERIA)
    errors = {each["group"]: each["calibration_error"] for each in found["groups"]}
    assert errors["0 to 30"] == pytest.approx(0.18, abs=0.04)
    assert max(error for group, error in errors.items() if group != "0 to 30") < 0.06
    assert found["most"]["calibration_error"] == errors["0 to 30"]
    assert all(len(curve) == 5 for curve in found["calibration"].values())
    assert pictures.calibration(found).get_axes()[0].get_title().startswith("Age 0 to 30")
