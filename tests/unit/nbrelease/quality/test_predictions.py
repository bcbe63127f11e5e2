"""The files of a job's predictions, and the predictions of two models for the same rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nbrelease.errors import SettingsError
from nbrelease.quality.predictions import (
    Predictions,
    ScoredRows,
    Scores,
    encode,
    pair,
    read_predictions,
)


@pytest.fixture
def evaluation(tmp_path):
    """Writes the folder of a job: its table and facts."""

    def write(table: dict, **facts):
        frame = pd.DataFrame(table)
        frame.to_parquet(tmp_path / "predictions.parquet")
        facts = {"task": "binary", "label": "bought", "rows": len(frame), **facts}
        (tmp_path / "evaluation.json").write_text(json.dumps(facts), encoding="utf-8")
        return tmp_path

    return write


TABLE = {
    "label": ["no", "yes"],
    "prediction": ["no", "no"],
    "probability_0": [0.9, 0.6],
    "probability_1": [0.1, 0.4],
}


def test_the_files_of_a_classifier(evaluation):
    folder = evaluation(
        TABLE,
        classes=["no", "yes"],
        positive="no",
        overlap=0,
        importance=[{"feature": "age", "mean": 0.5, "best_rank": 1, "worst_rank": 1}],
        importance_metric="roc_auc",
        packages={"numpy": "2.0"},
    )
    rows = read_predictions(folder)
    assert rows.label.tolist() == ["no", "yes"]
    assert rows.scores.prediction.tolist() == ["no", "no"]
    assert rows.scores.probability.tolist() == [[0.9, 0.1], [0.6, 0.4]]
    assert (rows.classes, rows.positive, rows.positive_code) == (("no", "yes"), "no", 0)
    assert rows.evaluation.importance[0].feature == "age"
    assert (rows.evaluation.overlap, rows.evaluation.train_rows) == (0, None)


def test_the_files_of_a_regression(evaluation):
    folder = evaluation({"label": [1.5, 2.0], "prediction": [1.0, 2.5]}, task="regression")
    rows = read_predictions(folder)
    assert rows.scores.probability is None
    assert [each.tolist() for each in rows.numbers] == [[1.5, 2.0], [1.0, 2.5]]


@pytest.mark.parametrize(
    ("table", "facts", "name"),
    [
        ({"label": [1]}, {}, "prediction"),
        ({**TABLE, "probability_1": None}, {"classes": ["no", "yes", "maybe"]}, "probability_2"),
        (TABLE, {"rows": 3}, "3"),
        (TABLE, {"rows": "many"}, "rows"),
    ],
)
def test_files_of_another_form(evaluation, table, facts, name):
    with pytest.raises(SettingsError, match=name):
        read_predictions(evaluation(table, **facts))


@pytest.mark.parametrize("name", ["predictions.parquet", "evaluation.json"])
def test_a_missing_file(evaluation, name):
    folder = evaluation(TABLE)
    (folder / name).unlink()
    with pytest.raises(SettingsError, match=name):
        read_predictions(folder)


def rows(label, prediction=None, probability=None, classes=(), positive=None) -> ScoredRows:
    label = np.array(label)
    prediction = label if prediction is None else np.array(prediction)
    scores = Scores(prediction, None if probability is None else np.array(probability))
    return ScoredRows(label, scores, classes, positive)


@pytest.mark.parametrize(
    ("champion", "hint"),
    [(rows([0, 1]), "3 and 2"), (rows([0, 0, 1]), "row 1")],
)
def test_models_that_scored_different_rows_are_not_compared(champion, hint):
    with pytest.raises(SettingsError, match=hint):
        pair(rows([0, 1, 1]), champion)


def test_the_champion_gets_the_challengers_order_of_classes():
    challenger = rows(["a", "b"], probability=[[1, 0], [0, 1]], classes=("a", "b"))
    champion = rows(
        ["a", "b"], ["c", "b"], [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1]], ("c", "b", "a")
    )  # fmt: skip
    predictions = pair(challenger, champion)
    assert predictions.classes == ("a", "b", "c")
    assert predictions.challenger.probability.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert predictions.champion.probability.tolist() == [[0.7, 0.1, 0.2], [0.1, 0.8, 0.1]]


def test_the_same_rows_with_other_types_are_the_same():
    predictions = pair(rows([0, 1], classes=(0, 1)), rows([0.0, 1.0], classes=(0.0, 1.0)))
    assert predictions.champion.prediction.tolist() == [0.0, 1.0]
    assert pair(rows([0, 1]), None).champion is None


def test_values_that_no_model_knows_are_further_classes():
    predictions = Predictions(
        np.array(["b", "d", "a"]),
        Scores(np.array(["b", "b", "a"]), np.array([[0, 1], [0, 1], [1, 0]])),
        Scores(np.array(["c", "b", "a"])),
        ("a", "b"),
    )
    challenger, champion = predictions.scored_rows(classify=True)
    assert challenger.classes == champion.classes == ("a", "b", "c", "d")
    assert challenger.codes[0].tolist() == [1, 3, 0]
    assert champion.codes[1].tolist() == [2, 1, 0]
    assert challenger.scores.probability.tolist() == [[0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        (np.array([1.0, 0.0]), (0, 1), [1, 0]),
        (np.array([True, False]), (0, 1), [1, 0]),
        (np.array([1, 0]), (False, True), [1, 0]),
        (np.array(["1", "0"]), (0, 1), [1, 0]),
        (np.array(["no", None, "yes"], dtype=object), ("no", "yes"), [0, -1, 1]),
        (np.array([2.5]), (2.5, 3.5), [0]),
        (np.array([]), ("a",), []),
    ],
)
def test_the_position_of_a_value_among_the_classes(values, classes, codes):
    assert encode(values, classes).tolist() == codes


def test_rows_are_selected_for_both_models():
    predictions = pair(rows([0, 1, 1], probability=np.eye(3)[:, :2]), rows([0, 1, 1], [1, 1, 0]))
    part = predictions.select(np.array([True, False, True]))
    assert part.label.tolist() == [0, 1]
    assert part.challenger.probability.tolist() == [[1, 0], [0, 0]]
    assert part.champion.prediction.tolist() == [1, 0]
