"""Comparisons, slices and fairness by task, compared with scikit-learn and SciPy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn_metrics
from scipy import stats
from sklearn import metrics as sklearn_metrics

from nbrelease.errors import SettingsError
from nbrelease.quality import figures
from nbrelease.quality.compare import compare_models
from nbrelease.quality.criteria import Criteria
from nbrelease.quality.fairness import measure_fairness
from nbrelease.quality.gate import Measurements, evaluate_criteria
from nbrelease.quality.metrics import make_own_metric
from nbrelease.quality.predictions import Predictions, Scores
from nbrelease.quality.tasks import TASKS, get_task

ROWS = 400
RANDOM = np.random.default_rng(0)
FEATURES = pd.DataFrame(
    {
        "age": RANDOM.uniform(20, 80, ROWS),
        "region": RANDOM.choice(["north", "south", "west"], ROWS, p=[0.6, 0.3, 0.1]),
        "steps": np.tile([1.0, 2.0, 3.0, np.nan], ROWS // 4),
    }
)
BY_REGION = {"slices": {"column": "region"}}


def criteria(**content) -> Criteria:
    return Criteria.model_validate(content)


def compare(predictions, task, content=None, **options):
    comparison = compare_models(
        predictions,
        task=task,
        version="1",
        features=FEATURES,
        criteria=criteria(**(content or {})),
        **options,
    )
    json.dumps(comparison.model_dump(mode="json"), allow_nan=False)
    return comparison


def numbers(seed: int, noise: float) -> Scores:
    return Scores(LABEL + np.random.default_rng(seed).normal(0, noise, ROWS))


LABEL = RANDOM.gamma(3, 10, ROWS)
REGRESSION = Predictions(LABEL, numbers(1, 4.0), numbers(2, 6.0))


def classes(names, *, champion: bool = True, probability: bool = True, positive=None):
    names = np.array(names)
    codes = np.random.default_rng(3).integers(0, len(names), ROWS)

    def scores(seed: int, signal: float) -> Scores:
        score = np.random.default_rng(seed).normal(size=(ROWS, len(names)))
        values = np.exp(score + signal * np.eye(len(names))[codes])
        values /= values.sum(axis=1, keepdims=True)
        return Scores(names[values.argmax(axis=1)], values if probability else None)

    return Predictions(
        names[codes],
        scores(4, 2.0),
        scores(5, 1.0) if champion else None,
        tuple(names.tolist()),
        positive,
    )


def bootstrap(statistic, count: int, resamples: int = 999):
    """The paired percentile interval of SciPy, one sample at a time."""
    result = stats.bootstrap(
        (np.arange(count),), statistic, vectorized=False, n_resamples=resamples, batch=111,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    return tuple(result.confidence_interval)


def test_a_regression():
    comparison = compare(REGRESSION, "regression", {"metrics": [{"metric": "r2", "margin": 0}]})
    metrics = {each.name: each for each in comparison.metrics}
    assert list(metrics) == ["r2", "root_mean_squared_error", "mean_absolute_error"]
    assert [each.direction for each in metrics.values()] == ["higher", "lower", "lower"]
    assert (comparison.mcnemar, comparison.classes, comparison.positive) == (None, [], None)
    new, old = REGRESSION.challenger.prediction, REGRESSION.champion.prediction
    measured = metrics["root_mean_squared_error"]
    loss = sklearn_metrics.root_mean_squared_error
    assert measured.challenger == pytest.approx(loss(LABEL, new))
    assert measured.champion == pytest.approx(loss(LABEL, old))
    assert measured.difference == pytest.approx(loss(LABEL, new) - loss(LABEL, old))

    def difference(rows):
        return loss(LABEL[rows], new[rows]) - loss(LABEL[rows], old[rows])

    assert measured.difference_interval == pytest.approx(bootstrap(difference, ROWS))
    assert measured.difference_interval[1] < 0  # the challenger's error is smaller


def test_the_charts_of_a_regression():
    curves = compare(REGRESSION, "regression").curves
    points, residuals = curves.challenger.predicted_actual, curves.challenger.residuals
    assert len(points) == len(residuals) == ROWS
    assert [y for _, y in residuals] == pytest.approx([y - x for x, y in points], abs=1e-3)
    assert [x for x, _ in points] == pytest.approx(
        np.sort(REGRESSION.challenger.prediction), rel=1e-5
    )
    assert (curves.challenger.roc, curves.challenger.confusion) == ([], None)


def test_a_forecast_has_the_error_of_each_horizon():
    curves = compare(REGRESSION, "forecasting", horizon_column="steps").curves
    error = np.abs(LABEL - REGRESSION.champion.prediction)
    expected = [(step, error[FEATURES.steps == step].mean()) for step in (1, 2, 3)]
    assert np.array(curves.champion.errors_by_horizon) == pytest.approx(np.array(expected), rel=1e-5)  # fmt: skip
    assert compare(REGRESSION, "forecasting").curves.champion.errors_by_horizon == []
    for column in ("step", "region"):
        with pytest.raises(SettingsError, match=f"horizon_column = {column}"):
            compare(REGRESSION, "forecasting", horizon_column=column)


def test_several_classes():
    predictions = classes(["bus", "car", "van"])
    comparison = compare(predictions, "multiclass")
    metrics = {each.name: each for each in comparison.metrics}
    assert list(metrics) == ["accuracy", "f1_macro", "roc_auc_ovr", "log_loss"]
    label, new, old = predictions.label, predictions.challenger, predictions.champion
    assert metrics["log_loss"].champion == pytest.approx(
        sklearn_metrics.log_loss(label, old.probability)
    )
    assert metrics["f1_macro"].challenger == pytest.approx(
        sklearn_metrics.f1_score(label, new.prediction, average="macro")
    )

    def area(rows):
        return sklearn_metrics.roc_auc_score(label[rows], new.probability[rows], multi_class="ovr")

    assert metrics["roc_auc_ovr"].challenger_interval == pytest.approx(bootstrap(area, ROWS))
    assert comparison.classes == ["bus", "car", "van"]
    assert (comparison.positive, comparison.curves.challenger.roc) == (None, [])
    matrix = sklearn_metrics.confusion_matrix(label, new.prediction)
    assert comparison.curves.challenger.confusion == matrix.tolist()
    correct, champion_correct = new.prediction == label, old.prediction == label
    assert comparison.mcnemar.challenger_only == (correct & ~champion_correct).sum()
    assert comparison.mcnemar.champion_only == (champion_correct & ~correct).sum()


@pytest.mark.parametrize("names", [("no", "yes"), (False, True), (0, 1), ("-", "+")])
def test_two_classes_of_any_values(names):
    predictions = classes(names)
    comparison = compare(predictions, "binary")
    assert comparison.positive == str(names[1])
    assert comparison.classes == [str(each) for each in names]
    area = sklearn_metrics.roc_auc_score(
        predictions.label == names[1], predictions.challenger.probability[:, 1]
    )
    assert comparison.metrics[0].challenger == pytest.approx(area)
    drawn = comparison.curves.challenger
    precision, recall, _ = sklearn_metrics.precision_recall_curve(
        predictions.label == names[1], predictions.challenger.probability[:, 1]
    )
    for point in drawn.precision_recall:
        assert np.min(np.abs(np.c_[recall, precision] - point).sum(axis=1)) < 1e-5


def test_curves_of_equal_probabilities_are_those_of_their_thresholds():
    """The most probable row is negative, and six rows have the same probability."""
    actual = np.array([0, 1, 1, 0, 1, 0, 1, 0])
    probability = np.array([0.9, 0.8, *[0.5] * 6])
    both = np.column_stack([1 - probability, probability])
    scores = Scores((probability > 0.6).astype(int), both)
    drawn = compare(Predictions(actual, scores, None, (0, 1)), "binary").curves.challenger
    assert drawn.roc == [(0, 0), (0.25, 0), (0.25, 0.25), (1, 1)]
    assert drawn.precision_recall == [(0.25, 0.5), (1, 0.5)]


def test_the_positive_class_may_be_the_first():
    predictions = classes(["no", "yes"], positive="no")
    comparison = compare(predictions, "binary", {"metrics": [{"metric": "recall", "margin": 0}]})
    assert comparison.positive == "no"
    with pytest.raises(SettingsError, match="nein"):
        compare(replace(predictions, positive="nein"), "binary")
    assert [each.name for each in comparison.metrics] == ["recall", "roc_auc", "accuracy"]
    expected = sklearn_metrics.recall_score(
        predictions.label, predictions.challenger.prediction, pos_label="no"
    )
    assert comparison.metrics[0].challenger == pytest.approx(expected)


def test_without_probabilities_what_needs_them_is_not_measured():
    predictions = classes(["no", "yes"], probability=False)
    comparison = compare(predictions, "binary", BY_REGION)
    assert [each.name for each in comparison.metrics] == ["accuracy"]
    assert list(comparison.not_measured) == ["roc_auc"]
    drawn = comparison.curves.challenger
    assert (drawn.roc, drawn.calibration) == ([], [])
    assert drawn.confusion is not None
    fairness = measure_fairness(predictions, FEATURES, criteria(**BY_REGION))
    assert "calibration_error" not in fairness.most
    assert fairness.calibration == {}
    with pytest.raises(SettingsError, match="roc_auc"):
        compare(predictions, "binary", {"metrics": [{"metric": "roc_auc", "at_least": 0.5}]})


def test_a_champion_without_probabilities():
    predictions = classes(["no", "yes"])
    champion = Scores(predictions.champion.prediction)
    predictions = Predictions(predictions.label, predictions.challenger, champion, ("no", "yes"))
    content = {"metrics": [{"metric": "roc_auc", "margin": -0.5}]}
    comparison = compare(predictions, "binary", content)
    area, accuracy = comparison.metrics
    assert (area.champion, area.difference, area.difference_interval) == (None, None, None)
    assert area.challenger_interval is not None
    assert accuracy.difference is not None
    assert list(comparison.not_measured) == ["roc_auc"]
    results = evaluate_criteria(criteria(**content), Measurements(comparison=comparison))
    [result] = [each for each in results if each.baseline == "champion"]
    assert (result.metric, result.value, result.passed) == ("roc_auc", None, False)


def test_a_class_that_only_the_champion_predicts():
    predictions = classes(["bus", "car"], probability=False)
    prediction = predictions.champion.prediction.copy()
    prediction[0] = "van"
    predictions = Predictions(
        predictions.label, predictions.challenger, Scores(prediction), ("bus", "car")
    )
    comparison = compare(predictions, "multiclass")
    assert comparison.classes == ["bus", "car", "van"]
    assert np.sum(comparison.curves.champion.confusion) == ROWS
    assert np.sum(comparison.curves.champion.confusion, axis=0)[2] == 1
    assert comparison.metrics[0].champion == pytest.approx((prediction == predictions.label).mean())


def test_a_third_value_that_the_champion_of_two_classes_predicts():
    predictions = classes(["no", "yes"])
    prediction = predictions.champion.prediction.astype(object)
    prediction[:5] = "maybe"
    champion = Scores(prediction, predictions.champion.probability)
    comparison = compare(replace(predictions, champion=champion), "binary")
    assert (comparison.classes, comparison.positive) == (["no", "yes", "maybe"], "yes")
    area = sklearn_metrics.roc_auc_score(predictions.label == "yes", champion.probability[:, 1])
    metrics = {each.name: each for each in comparison.metrics}
    assert metrics["roc_auc"].champion == pytest.approx(area)
    assert metrics["accuracy"].champion == pytest.approx((prediction == predictions.label).mean())


@pytest.mark.parametrize(("positives", "known"), [(2, False), (8, True)])
def test_an_interval_where_samples_may_have_one_class_only(positives, known):
    label = (np.arange(ROWS) < positives).astype(int)  # 13 % of the samples, or 0.03 %
    probability = np.random.default_rng(0).random(ROWS)
    scores = Scores(probability > 0.5, np.column_stack([1 - probability, probability]))
    area, accuracy = compare(Predictions(label, scores, scores, (0, 1)), "binary").metrics
    assert (area.challenger_interval is not None) == known
    assert (area.difference_interval is not None) == known
    assert accuracy.challenger_interval is not None


def test_a_custom_task_has_the_metrics_of_its_criteria_only():
    own = make_own_metric("within_5", "higher", lambda a, b: float((abs(a - b) < 5).mean()))
    content = {"metrics": [{"metric": "within_5", "margin": 0}, {"metric": "max_error", "margin": 0}]}  # fmt: skip
    comparison = compare(REGRESSION, "custom", content, own_metrics=[own])
    within, largest = comparison.metrics
    error, champion_error = (
        np.abs(LABEL - each.prediction) for each in (REGRESSION.challenger, REGRESSION.champion)
    )
    assert within.challenger == pytest.approx((error < 5).mean())
    difference = bootstrap(
        lambda rows: (error[rows] < 5).mean() - (champion_error[rows] < 5).mean(), ROWS, 199
    )
    assert within.difference_interval == pytest.approx(difference)
    assert (within.resamples, largest.resamples) == (199, 999)
    assert largest.champion == pytest.approx(champion_error.max())
    assert comparison.curves is None
    text = compare(classes(["a", "b"]), "custom", {"metrics": [{"metric": "f1", "at_least": 0}]})
    assert [each.name for each in text.metrics] == ["f1"]


@pytest.mark.parametrize(
    ("task", "metric"), [("regression", "accuracy"), ("forecasting", "roc_auc"), ("binary", "r2")]
)
def test_a_metric_of_another_task_is_an_error(task, metric):
    predictions = classes(["a", "b"]) if task == "binary" else REGRESSION
    with pytest.raises(SettingsError, match=f"{metric} .*task = {task}"):
        compare(predictions, task, {"metrics": [{"metric": metric, "at_least": 0}]})


def test_a_metric_that_is_undefined_on_the_held_out_rows_is_an_error():
    one = Predictions(
        np.array([1, 1]), Scores(np.array([1, 0]), np.full((2, 2), 0.5)), None, (0, 1)
    )
    with pytest.raises(SettingsError, match="roc_auc"):
        compare(one, "binary", {"metrics": [{"metric": "roc_auc", "at_least": 0}]})
    comparison = compare(one, "binary")
    assert [each.name for each in comparison.metrics] == ["accuracy"]
    assert list(comparison.not_measured) == ["roc_auc"]


def test_an_unknown_task():
    with pytest.raises(SettingsError, match="multiclass"):
        get_task("multi-class")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"column": "region"}, ["region north", "region south", "region west"]),
        ({"column": "region", "categories": ["west", "east"]}, ["region west"]),
        ({"column": "age", "edges": [20, 50, 80, 100]}, ["age 20 to 50", "age 50 to 80"]),
        ({"column": "steps"}, ["steps 1", "steps 2", "steps 3"]),
    ],
)
def test_slices(content, names):
    content = {"slices": {**content, "limits": [{"metric": "mean_absolute_error", "loss": 1}]}}
    slices = compare(REGRESSION, "regression", content).slices
    assert [each.slice for each in slices] == names
    error = np.abs(LABEL - REGRESSION.challenger.prediction)
    column = FEATURES[content["slices"]["column"]]
    for each in slices:
        if each.category is None:
            rows = (column >= each.low) & (column < each.high)
        else:
            rows = column.map(lambda x: f"{x:g}" if isinstance(x, float) else x) == each.category
        assert each.rows == rows.sum()
        assert each.metrics["mean_absolute_error"] == pytest.approx(error[rows].mean())
        assert list(each.difference_intervals) == ["mean_absolute_error"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"column": "regio"}, "regio"),
        ({"column": "region", "edges": [0, 1]}, r"slices\.categories"),
        ({"column": "age"}, r"slices\.edges"),
    ],
)
def test_slices_that_do_not_fit_the_column(content, hint):
    with pytest.raises(SettingsError, match=hint):
        compare(REGRESSION, "regression", {"slices": content})


def test_fairness_of_a_regression():
    content = {**BY_REGION, "fairness": [{"metric": "mean_error_difference", "at_most": 0.1}]}
    fairness = measure_fairness(REGRESSION, FEATURES, criteria(**content), task="regression")
    frame = fairlearn_metrics.MetricFrame(
        metrics={
            "root_mean_squared_error": sklearn_metrics.root_mean_squared_error,
            "mean_prediction": fairlearn_metrics.mean_prediction,
        },
        y_true=LABEL,
        y_pred=REGRESSION.challenger.prediction,
        sensitive_features=FEATURES.region,
    )
    assert fairness.differences["root_mean_squared_error"] == pytest.approx(frame.difference().iloc[0])  # fmt: skip
    assert fairness.most["mean_prediction"] == pytest.approx(frame.group_max().iloc[1])
    assert fairness.calibration == {}
    comparison = compare(REGRESSION, "regression")
    measurements = Measurements(comparison=comparison, fairness=fairness)
    result = evaluate_criteria(criteria(fairness=content["fairness"], **BY_REGION), measurements)
    assert result[-1].value == pytest.approx(fairness.differences["mean_error"])


def test_fairness_of_two_classes():
    predictions = classes(["no", "yes"], positive="yes")
    content = {**BY_REGION, "fairness": [{"metric": "recall_difference", "at_most": 1}]}
    fairness = measure_fairness(predictions, FEATURES, criteria(**content))
    label, prediction = predictions.label == "yes", predictions.challenger.prediction == "yes"
    frame = fairlearn_metrics.MetricFrame(
        metrics={
            "selection_rate": fairlearn_metrics.selection_rate,
            "false_negative_rate": fairlearn_metrics.false_negative_rate,
            "recall": sklearn_metrics.recall_score,
        },
        y_true=label,
        y_pred=prediction,
        sensitive_features=FEATURES.region,
    )
    for name, difference in frame.difference().items():
        assert fairness.differences[name] == pytest.approx(difference)
    assert set(fairness.calibration) == {"north", "south", "west"}


def test_fairness_of_several_classes_and_of_a_custom_task():
    fairness = measure_fairness(
        classes(["a", "b", "c"]), FEATURES, criteria(**BY_REGION), task="multiclass"
    )
    assert {"accuracy", "f1_macro", "calibration_error"} == set(fairness.most)
    content = {**BY_REGION, "metrics": [{"metric": "max_error", "at_most": 99}]}
    fairness = measure_fairness(REGRESSION, FEATURES, criteria(**content), task="custom")
    assert set(fairness.most) == {"max_error"}
    assert measure_fairness(REGRESSION, FEATURES, criteria(), task="regression") is None


@pytest.mark.parametrize("task", TASKS)
def test_every_section_of_the_criteria_is_optional(task):
    predictions = classes(["a", "b"]) if get_task(task).classifier else REGRESSION
    if task == "custom":
        with pytest.raises(SettingsError, match="metrics"):
            compare(predictions, task)
        return
    comparison = compare(predictions, task)
    results = evaluate_criteria(criteria(), Measurements(comparison=comparison))
    assert [(each.metric, each.passed) for each in results] == [("rows", True)]


@pytest.mark.parametrize(
    ("task", "titles"),
    [
        ("binary", ["ROC curve", "Precision-recall curve", "Calibration curve", "Confusion matrix of the challenger"]),
        ("multiclass", ["Calibration curve", "Confusion matrix of the challenger"]),
        ("regression", ["Predicted and actual", "Residuals"]),
        ("forecasting", ["Predicted and actual", "Residuals", "Error by horizon"]),
    ],
)  # fmt: skip
def test_charts_of_a_task(task, titles):
    predictions = classes(["a", "b"]) if get_task(task).classifier else REGRESSION
    comparison = compare(predictions, task, horizon_column="steps" if task == "forecasting" else "")
    figure = figures.plot_curves(comparison)
    assert [axes.get_title(loc="left") for axes in figure.get_axes()] == titles
    legend = [text.get_text() for text in figure.get_axes()[0].get_legend().get_texts()]
    assert legend == ["champion", "challenger"]
    lines = figure.get_axes()[0].get_lines()
    name = next(name for name in figures.CURVES if figures.CURVES[name][0] == titles[0])
    drawn = getattr(comparison.curves.challenger, name)
    assert lines[1].get_xydata() == pytest.approx(np.array(drawn))
    assert figures.render(figure, "charts").data.startswith(b"\x89PNG")


def test_a_custom_task_has_no_charts():
    content = {"metrics": [{"metric": "max_error", "at_most": 99}]}
    assert figures.plot_curves(compare(REGRESSION, "custom", content)) is None
