"""Metrics of criteria.yml, each compared with scikit-learn on every sample."""

from __future__ import annotations

import json
import re
import sys
import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.metrics import get_scorer_names

from nbrelease.errors import SettingsError
from nbrelease.quality.metrics import VECTORIZED, get_metric, make_own_metric, read_own_metrics
from nbrelease.quality.predictions import ScoredRows, Scores

ROWS = 80
SAMPLES = 6

F = sklearn_metrics
BY_CLASS = {
    f"{name}_{average}": (getattr(F, f"{name}_score"), {"average": average, "zero_division": 0})
    for name in ("f1", "precision", "recall", "jaccard")
    for average in ("macro", "micro", "weighted")
}
CLASSIFICATION = {
    "accuracy": (F.accuracy_score, {}),
    "balanced_accuracy": (F.balanced_accuracy_score, {}),
    "matthews_corrcoef": (F.matthews_corrcoef, {}),
    **BY_CLASS,
}
TWO_CLASSES = {
    name: (getattr(F, f"{name}_score"), {"zero_division": 0, "pos_label": "yes"})
    for name in ("f1", "precision", "recall", "jaccard")
}
REGRESSION = {
    "mean_absolute_error": F.mean_absolute_error,
    "mean_squared_error": F.mean_squared_error,
    "root_mean_squared_error": F.root_mean_squared_error,
    "mean_absolute_percentage_error": F.mean_absolute_percentage_error,
    "mean_squared_log_error": F.mean_squared_log_error,
    "root_mean_squared_log_error": F.root_mean_squared_log_error,
    "mean_poisson_deviance": F.mean_poisson_deviance,
    "mean_gamma_deviance": F.mean_gamma_deviance,
    "median_absolute_error": F.median_absolute_error,
    "max_error": F.max_error,
    "r2": F.r2_score,
    "explained_variance": F.explained_variance_score,
    "d2_absolute_error_score": F.d2_absolute_error_score,
}


def classifier(classes, seed: int = 0, positive: str | None = None) -> ScoredRows:
    """Labels of these classes, with predictions and probabilities that are often right."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, len(classes), ROWS)
    score = random.normal(size=(ROWS, len(classes))) + 1.2 * np.eye(len(classes))[codes]
    probability = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    probability = np.round(probability, 2)  # ties
    probability /= probability.sum(axis=1, keepdims=True)
    values = np.array(classes)
    scores = Scores(values[probability.argmax(axis=1)], probability)
    return ScoredRows(values[codes], scores, tuple(classes), positive)


def regression(seed: int = 0) -> ScoredRows:
    random = np.random.default_rng(seed)
    label = random.gamma(3, 10, ROWS)
    return ScoredRows(label, Scores(label * random.lognormal(0, 0.2, ROWS)))


def samples(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, ROWS, (SAMPLES, ROWS))


def check(name: str, rows: ScoredRows, expected) -> None:
    """The values on many samples at once are those of a function on each sample."""
    measured = get_metric(name).prepare(rows)(samples())
    assert measured.shape == (SAMPLES,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert measured == pytest.approx([expected(each) for each in samples()], rel=1e-9)


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("classes", [("no", "yes"), ("bus", "car", "train", "van")])
def test_metrics_of_classes(name, classes):
    rows = classifier(classes)
    function, options = CLASSIFICATION[name]
    prediction = rows.scores.prediction
    check(name, rows, lambda each: function(rows.label[each], prediction[each], **options))


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_metrics_of_the_positive_class(name):
    rows = classifier(("no", "yes"), positive="yes")
    function, options = TWO_CLASSES[name]
    prediction = rows.scores.prediction
    check(name, rows, lambda each: function(rows.label[each], prediction[each], **options))


@pytest.mark.parametrize(
    ("classes", "positive"),
    [(("no", "yes"), "yes"), (("no", "yes"), "no"), ((False, True), None), ((0, 1), None), ((1.0, 2.0), "2")],
)  # fmt: skip
def test_probabilities_of_two_classes(classes, positive):
    rows = classifier(classes, positive=positive)
    code = 0 if positive == "no" else 1
    actual, score = rows.label == classes[code], rows.scores.probability[:, code]
    check("roc_auc", rows, lambda x: F.roc_auc_score(actual[x], score[x]))
    check("roc_auc_ovr", rows, lambda x: F.roc_auc_score(actual[x], score[x]))
    check("average_precision", rows, lambda x: F.average_precision_score(actual[x], score[x]))
    check("brier_score", rows, lambda x: F.brier_score_loss(actual[x], score[x]))
    check("log_loss", rows, lambda x: F.log_loss(actual[x], score[x]))
    check("d2_log_loss_score", rows, lambda x: F.d2_log_loss_score(actual[x], score[x]))
    check("d2_brier_score", rows, lambda x: F.d2_brier_score(actual[x], score[x]))


def test_probabilities_of_several_classes():
    rows = classifier(("bus", "car", "train"))
    label, probability = rows.label, rows.scores.probability

    def area(**options):
        return lambda x: F.roc_auc_score(label[x], probability[x], **options)

    check("roc_auc_ovr", rows, area(multi_class="ovr"))
    check("roc_auc_ovr_weighted", rows, area(multi_class="ovr", average="weighted"))
    check("roc_auc_ovo", rows, area(multi_class="ovo"))
    check("average_precision", rows, lambda x: F.average_precision_score(label[x], probability[x]))
    check("log_loss", rows, lambda x: F.log_loss(label[x], probability[x]))
    check("brier_score", rows, lambda x: F.brier_score_loss(label[x], probability[x]))
    codes = rows.codes[0]
    check("top_k_accuracy", rows, lambda x: F.top_k_accuracy_score(codes[x], probability[x]))


@pytest.mark.parametrize("name", REGRESSION)
def test_metrics_of_numbers(name):
    rows = regression()
    prediction = rows.scores.prediction
    check(name, rows, lambda each: REGRESSION[name](rows.label[each], prediction[each]))


@pytest.mark.parametrize("prediction", [[5.0, 5.0, 5.0], [4.0, 5.0, 7.0]])
@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_a_constant_label(name, prediction):
    label = np.full(3, 5.0)
    value = get_metric(name).value(ScoredRows(label, Scores(np.array(prediction))))
    assert value == REGRESSION[name](label, prediction)


def test_a_sample_with_one_class_only():
    rows = classifier(("no", "yes"), positive="yes")
    one = np.flatnonzero(rows.label == "yes")[None, :]
    assert np.isnan(get_metric("roc_auc").prepare(rows)(one)).all()
    assert get_metric("accuracy").prepare(rows)(one).shape == (1,)
    several = classifier(("a", "b", "c"))
    without_c = np.flatnonzero(several.label != "c")
    label, probability = several.label[without_c], several.scores.probability[without_c]
    areas = [F.roc_auc_score(label == name, probability[:, n]) for n, name in enumerate("ab")]
    assert get_metric("roc_auc_ovr").prepare(several)(without_c) == pytest.approx(np.mean(areas))
    assert np.isnan(get_metric("roc_auc_ovo").prepare(several)(without_c[None, :])).all()


def test_a_class_that_the_model_does_not_know_has_the_largest_log_loss():
    label = np.array(["a", "b", "c"])
    scores = Scores(np.array(["a", "b", "a"]), np.array([[1.0, 0, 0], [0, 1.0, 0], [1.0, 0, 0]]))
    value = get_metric("log_loss").value(ScoredRows(label, scores, ("a", "b", "c")))
    assert value == pytest.approx(-np.log(np.finfo(float).eps) / 3)


def test_the_names_and_directions_are_those_of_the_scorers():
    scorers = set(get_scorer_names())
    for name, metric in VECTORIZED.items():
        assert (f"neg_{name}" in scorers) == (metric.direction == "lower")
        assert (name in scorers) == (metric.direction == "higher")
    assert get_metric("negative_likelihood_ratio").direction == "lower"
    assert get_metric("d2_log_loss_score").direction == "higher"


@pytest.mark.parametrize(
    ("name", "correct"),
    [
        ("roc_acu", "roc_auc"),
        ("rot_mean_squared_error", "root_mean_squared_error"),
        ("neg_log_loss", "log_loss"),
        ("costs", "cost"),
    ],
)
def test_an_unknown_name_is_an_error_that_has_the_correct_one(name, correct):
    own = [make_own_metric("cost", "lower", lambda label, prediction: 0.0)]
    with pytest.raises(SettingsError) as caught:
        get_metric(name, own)
    assert {name, correct} <= set(re.findall(r"\w+", str(caught.value)))


@pytest.mark.parametrize(
    ("name", "hint"), [("f1", "f1_macro"), ("recall", "recall_macro"), ("roc_auc", "roc_auc_ovr")]
)
def test_a_metric_of_two_classes_on_several_names_the_right_one(name, hint):
    with pytest.raises(SettingsError, match=hint):
        get_metric(name).prepare(classifier(("a", "b", "c")))


def test_text_has_no_metrics_of_numbers():
    with pytest.raises(SettingsError):
        get_metric("r2").prepare(classifier(("a", "b")))


MAIN = '''
"""An export."""
import a_package_of_the_model
import numpy as np
from shared_tolerance_module import TOLERANCE

COST = {"no": 1.0, "yes": 5.0}


def _weights(label):
    return np.array([COST[each] for each in label])


def cost(label, prediction):
    """Costs of wrong predictions."""
    return float(np.mean(_weights(label) * (label != prediction)))


def confidence(label, prediction, probability):
    return float(probability.max(axis=1).mean())


def rounded(label, prediction):
    return cost(label, prediction) // TOLERANCE * TOLERANCE


def fails(label, prediction):
    return a_package_of_the_model.score(label)
'''


@pytest.fixture
def exported(tmp_path):
    (tmp_path / "main.py").write_text(MAIN, encoding="utf-8")

    def write(**directions):
        metrics = [{"name": x, "direction": y, "help": ""} for x, y in directions.items()]
        contract = {
            "schema_version": 1, "notebook": "notebooks/train.ipynb", "parameters": [],
            "metrics": metrics, "functions": [],
        }  # fmt: skip
        (tmp_path / "contract.json").write_text(json.dumps(contract), encoding="utf-8")
        return tmp_path

    return write


def test_own_metrics_get_the_labels_own_values(exported):
    rows = classifier(("no", "yes"), positive="yes")
    cost, confidence = read_own_metrics(exported(cost="lower", confidence="higher"))
    assert (cost.direction, confidence.direction) == ("lower", "higher")
    wrong = rows.label != rows.scores.prediction
    expected = np.where(rows.label == "yes", 5, 1) * wrong
    assert cost.prepare(rows)(samples()) == pytest.approx(expected[samples()].mean(axis=1))
    assert confidence.value(rows) == pytest.approx(rows.scores.probability.max(axis=1).mean())
    assert get_metric("cost", [cost]) is cost


def test_an_own_metric_may_use_a_shared_module_of_the_project(exported):
    folder = exported(rounded="lower")
    module = folder / "shared_tolerance_module" / "__init__.py"
    module.parent.mkdir()
    module.write_text("TOLERANCE = 0.5\n", encoding="utf-8")
    [rounded] = read_own_metrics(folder)
    assert rounded.value(classifier(("no", "yes"))) % 0.5 == 0
    assert str(folder) not in sys.path


def test_own_metrics_need_no_other_package_of_the_notebook(exported):
    with pytest.raises(SettingsError, match="a_package_of_the_model"):
        read_own_metrics(exported(fails="lower"))
    with pytest.raises(SettingsError, match=r"nothing.* nbrelease export"):
        read_own_metrics(exported(nothing="lower"))


def test_an_error_in_an_own_metric_names_it():
    metric = make_own_metric("cost", "lower", lambda label, prediction: {}["rate"])
    with pytest.raises(SettingsError, match=r"cost .*KeyError"):
        metric.prepare(regression())
