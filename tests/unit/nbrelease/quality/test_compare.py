"""Comparison of two models, tested against scikit-learn and manual calculations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score, roc_curve

from nbrelease.errors import SettingsError
from nbrelease.quality import compare, criteria, figures
from nbrelease.quality.compare import compare_models
from nbrelease.quality.criteria import DataCriteria
from nbrelease.quality.fairness import measure_fairness
from nbrelease.quality.gate import Measurements, evaluate_criteria
from nbrelease.quality.metrics.probability import roc_auc
from nbrelease.quality.predictions import Predictions, Scores
from nbrelease.records.criterion import CriterionResult
from nbrelease.records.published import Comparison, DataProfile

CRITERIA = criteria.load(Path(__file__).parents[4] / "runbooks" / "criteria.yml")
PLAIN = CRITERIA.model_copy(update={"fairness": []})


def scores(seed: int, rows: int = 600, signal: float = 1.0):
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.3).astype(np.int64)
    probability = 1 / (1 + np.exp(-(signal * (2 * label - 1) + random.normal(size=rows))))
    return label, probability


def classify(probability) -> Scores | None:
    """Scores of a classifier of 0 and 1 with this probability of 1."""
    if probability is None:
        return None
    both = np.column_stack([1 - probability, probability])
    return Scores((probability > 0.5).astype(np.int64), both)


def predict(label, challenger, champion=None) -> Predictions:
    return Predictions(label, classify(challenger), classify(champion), (0, 1))


def compared(label, challenger, champion, **options) -> Comparison:
    features = pd.DataFrame({"Age": np.linspace(21, 75, len(label))})
    predictions = predict(label, challenger, champion)
    return compare_models(predictions, version="3", features=features, criteria=CRITERIA, **options)


def metrics_of(comparison: Comparison):
    return {metric.name: metric for metric in comparison.metrics}


def evaluate(comparison: Comparison) -> list[CriterionResult]:
    return evaluate_criteria(PLAIN, Measurements(comparison=comparison))


def failures(results: list[CriterionResult]) -> list[tuple[str, str | None, bool]]:
    """Metric, slice, and whether the champion is the baseline, of what was not met."""
    return [(x.metric, x.slice, x.baseline == "champion") for x in results if not x.passed]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2))  # fmt: skip
def test_the_area_under_the_roc_curve_equals_that_of_scikit_learn(pairs):
    label, probability = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    area = roc_auc(label == 1, probability)
    if len(set(label)) == 2:
        assert area == pytest.approx(roc_auc_score(label, probability))
    else:
        assert np.isnan(area)


def test_the_first_release_has_no_champion():
    label, probability = scores(1)
    result = compared(label, probability, None)
    assert result.champion is None
    assert result.mcnemar is None
    assert {metric.difference for metric in result.metrics} == {None}
    assert not any(each.baseline for each in evaluate(result))


def test_differences_are_paired():
    label, champion = scores(1, signal=0.6)
    better = np.clip(champion + 0.05 * (2 * label - 1), 0, 1)
    metric = metrics_of(compared(label, better, champion))["roc_auc"]
    low, high = metric.difference_interval
    assert 0 < low < metric.difference < high
    width = metric.challenger_interval[1] - metric.challenger_interval[0]
    assert high - low < width / 2
    same = metrics_of(compared(label, champion, champion))["roc_auc"]
    assert same.difference_interval == (0, 0)


def test_the_same_seed_gives_the_same_intervals():
    label, probability = scores(2)
    _, other = scores(3)
    first, second = (compared(label, probability, other, seed=7) for _ in range(2))
    assert first == second
    json.dumps(first.model_dump(mode="json"), allow_nan=False)


def test_intervals_cover_the_true_value_at_the_confidence_level():
    samples = [scores(1000 + n, 4000) for n in range(20)]
    truth = np.mean([accuracy_score(label, score > 0.5) for label, score in samples])
    inside = 0
    for seed in range(60):
        label, probability = scores(seed, 300)
        low, high = metrics_of(compared(label, probability, None))["accuracy"].challenger_interval
        inside += low <= truth <= high
    assert inside >= 51  # 95 % of 60 is 57


@pytest.mark.parametrize(
    ("ours", "theirs", "p_value"),
    [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 * 0.5**10), (1, 7, 0.0703125)],
)
def test_mcnemar(ours, theirs, p_value):
    challenger = np.r_[np.ones(ours), np.zeros(theirs), np.ones(3)] == 1
    champion = np.r_[np.zeros(ours), np.ones(theirs), np.ones(3)] == 1
    result = compare.compare_correct(challenger, champion)
    assert (result.challenger_only, result.champion_only) == (ours, theirs)
    assert result.p_value == pytest.approx(p_value)


def test_curves():
    label, probability = scores(4)
    result = compared(label, probability, None).curves.challenger
    false, true, _ = roc_curve(label, probability, drop_intermediate=False)
    for x, y in result.roc:
        assert np.min(np.abs(false - x) + np.abs(true - y)) < 1e-5
    assert result.roc[0] == (0, 0)
    assert result.roc[-1] == (1, 1)
    matrix = confusion_matrix(label, probability > 0.5)
    assert result.confusion == matrix.tolist()


def test_slices_are_judged_where_they_have_enough_rows():
    label, probability = scores(5)
    result = compared(label, probability, None)
    assert [each.slice for each in result.slices] == ["Age 0 to 30", "Age 30 to 45", "Age 45 to 60", "Age 60 to 150"]  # fmt: skip
    assert sum(each.rows for each in result.slices) == len(label)
    first, second, *_ = result.slices
    bad = first.model_copy(update={"metrics": {"accuracy": 0.4, "roc_auc": 0.4}})
    worst = result.model_copy(update={"slices": [bad]})
    assert failures(evaluate(worst)) == [("roc_auc", "Age 0 to 30", False)]
    few = second.model_copy(update={"rows": 5})
    small = result.model_copy(update={"slices": [bad, few]})
    assert len(evaluate(small)) < len(evaluate(result))
    only_small = result.model_copy(update={"slices": [few]})
    with pytest.raises(SettingsError, match=r"slices\.limits .* Age has 30"):
        evaluate(only_small)


def challenger(kind: str, probability, age):
    """The champion's probabilities, shuffled on some rows."""
    draw = np.random.default_rng(3)
    other = draw.permutation(probability)
    worse = {
        "equal": np.zeros(len(age), bool),
        "worse": draw.random(len(age)) < 0.1,
        "worse on one slice": (age >= 45) & (age < 60) & (draw.random(len(age)) < 0.5),
    }[kind]
    return np.where(worse, other, probability)


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("equal", set()),
        ("worse", {("roc_auc", None, True), ("accuracy", None, True)}),
        ("worse on one slice", {("accuracy", "Age 45 to 60", True)}),
    ],
)
def test_a_challenger_that_is_not_better(kind, failed):
    label, champion = scores(6, 4000, signal=1.5)
    age = np.random.default_rng(7).uniform(20, 80, len(label))
    result = compare_models(
        predict(label, challenger(kind, champion, age), champion),
        version="1",
        features=pd.DataFrame({"Age": age}),
        criteria=PLAIN,
    )
    unmet = failures(evaluate(result))
    assert failed <= set(unmet)
    assert bool(failed) == bool(unmet)
    slices = {name for _, name, _ in unmet if name}
    assert slices <= {"Age 45 to 60"} or kind == "worse"


def test_slices_of_an_unknown_column_are_an_error():
    label, probability = scores(1)
    features = pd.DataFrame({"B": label})
    with pytest.raises(SettingsError, match=r"slices\.column Age .* columns B"):
        compare_models(
            predict(label, probability), version=None, features=features, criteria=CRITERIA
        )


def test_held_out_rows_that_are_training_rows_fail_the_gate():
    result = compared(*scores(5), None)
    profile = DataProfile(rows=600, overlap=3)
    unmet = failures(
        evaluate_criteria(PLAIN, Measurements(comparison=result, data_profile=profile))
    )
    assert unmet == [("overlap", None, False)]


@pytest.mark.parametrize(("data", "unmet"), [({}, []), ({"overlap": 0.1}, ["overlap"])])
def test_overlap_that_is_not_measured_fails_where_the_file_limits_it(data, unmet):
    criteria = PLAIN.model_copy(update={"data": DataCriteria.model_validate(data)})
    measured = Measurements(
        comparison=compared(*scores(5), None), data_profile=DataProfile(rows=600, overlap=None)
    )
    assert [name for name, _, _ in failures(evaluate_criteria(criteria, measured))] == unmet


def test_calibration_is_measured_by_group():
    draw = np.random.default_rng(0)
    age, truth = draw.uniform(20, 80, 6000), draw.uniform(0, 1, 6000)
    label = (draw.random(6000) < truth).astype(int)
    probability = np.where(age < 30, np.clip(truth + 0.2, 0, 1), truth)
    fairness = measure_fairness(predict(label, probability), pd.DataFrame({"Age": age}), CRITERIA)
    errors = {each["group"]: each["calibration_error"] for each in fairness.groups}
    assert errors["0 to 30"] == pytest.approx(0.18, abs=0.04)
    assert max(error for group, error in errors.items() if group != "0 to 30") < 0.06
    assert fairness.most["calibration_error"] == errors["0 to 30"]
    assert all(len(curve) == 5 for curve in fairness.calibration.values())
    axes = figures.plot_calibration(fairness).get_axes()
    assert axes[0].get_title().startswith("Age 0 to 30")
