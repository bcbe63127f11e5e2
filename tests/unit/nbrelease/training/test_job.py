"""The outputs of a training job: predictions and evaluation of the held-out rows, for any model."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from nbrelease.training.job import importance
from nbrelease.training.job.__main__ import main
from nbrelease.training.job.settings import Settings
from nbrelease.training.job_code import PACKAGE, write_job_code

CLASSIFIER = """
import tempfile

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.tree import DecisionTreeClassifier


def rows(input_data):
    return pd.read_csv(input_data, dtype={"code": str}, keep_default_na=False)


def split(input_data, label_column):
    table = rows(input_data)
    return table.iloc[::2], table.iloc[1::2]


def log_model(model, features, save=mlflow.sklearn.save_model, **options):
    with tempfile.TemporaryDirectory() as folder:
        signature = infer_signature(features, model.predict(features))
        save(model, f"{folder}/model", signature=signature, pip_requirements=[], **options)
        mlflow.log_artifacts(f"{folder}/model", "model")


def main(*, input_data, label_column="y"):
    train, test = split(input_data, label_column)
    features = train[["size", "age"]]
    model = DecisionTreeClassifier(random_state=0).fit(features, train[label_column])
    with mlflow.start_run():
        log_model(model, features, serialization_format="cloudpickle")


def _arguments(argv):
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--input_data")
    parser.add_argument("--label_column", default="y")
    return parser.parse_args(argv)
"""
REGRESSION = CLASSIFIER.replace("DecisionTreeClassifier", "DecisionTreeRegressor")
CODES = (
    CLASSIFIER
    + """

class ByCode(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["code"].map(lambda code: 1.5 if code == "01234" else 0.5).to_numpy()


def main(*, input_data, label_column="y"):
    train, test = split(input_data, label_column)
    signature = infer_signature(train[["code"]], [0.5])
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run():
        mlflow.pyfunc.save_model(
            f"{folder}/model", python_model=ByCode(), signature=signature, pip_requirements=[]
        )
        mlflow.log_artifacts(f"{folder}/model", "model")
        mlflow.log_text(test.to_csv(index=False), "evaluation/held_out.csv")
"""
)
BY_SIZE = (
    CODES.replace(
        '["code"].map(lambda code: 1.5 if code == "01234" else 0.5)', '["size"].map(name)'
    )
    .replace('[["code"]], [0.5]', '[["size"]], ["no"]')
    .replace(
        "class ByCode", "def name(size):\n    return 'no' if size < 20 else 'yes'\n\n\nclass ByCode"
    )
)
"""Its model does not know its classes: predictions are all that it has."""
TENSORS = (
    (
        CODES.replace(
            'model_input["code"].map(lambda code: 1.5 if code == "01234" else 0.5).to_numpy()',
            "model_input[:, 0]",
        )
        .replace(
            'train[["code"]], [0.5]', 'train[["size", "age"]].to_numpy(float), np.array([0.5])'
        )
        .replace("import mlflow\n", "import mlflow\nimport numpy as np\n", 1)
    )
    + """

def split(input_data, label_column):
    train = rows(input_data)[["size", "age", label_column]].astype(float)
    return train, train.assign(**{label_column: train[label_column] + 1})
"""
)
"""Its model has no named columns; the held-out rows are training rows with another label."""

FOUR_PARTS = (
    CLASSIFIER
    + """

def split(table, label_column):
    from sklearn.model_selection import train_test_split

    return train_test_split(table[["size", "age"]], table[label_column], random_state=0)


def main(*, input_data, label_column="y"):
    features, held_out, label, actual = split(rows(input_data), label_column)
    model = DecisionTreeClassifier(random_state=0).fit(features, label)
    with mlflow.start_run():
        log_model(model, features, serialization_format="cloudpickle")
        held_out = held_out.assign(**{label_column: actual})
        mlflow.log_text(held_out.to_csv(index=False), "evaluation/held_out.csv")
"""
)
NUMBER = (
    FOUR_PARTS.replace("def split", "def parts")
    .replace("= split", "= parts")
    .replace("random_state=0)\n\n", "test_size=split)\n\n", 1)
    + "\nsplit = 0.2\n"
)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    """A tracking store for all tests here: creating its tables takes seconds."""
    folder = tmp_path_factory.mktemp("tracking")
    uri = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.create_experiment("job", artifact_location=(folder / "artifacts").as_uri())
    yield uri
    mlflow.set_tracking_uri(None)


@pytest.fixture
def start_job(tmp_path, monkeypatch, tracking):
    """Run a job's command in its code folder; the artifacts of its run are returned."""
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")

    def start(program: str, settings: Settings, *arguments: str) -> Path:
        exported = tmp_path / "exported"
        exported.mkdir(exist_ok=True)
        (exported / "main.py").write_text(program, encoding="utf-8")
        code = write_job_code(settings, exported)
        monkeypatch.chdir(code)
        monkeypatch.syspath_prepend(str(code))
        sys.modules.pop("main", None)
        try:
            main(arguments)
        finally:
            sys.modules.pop("main", None)
        return Path(
            mlflow.artifacts.download_artifacts(run_id=mlflow.last_active_run().info.run_id)
        )

    return start


@pytest.fixture
def data(tmp_path) -> str:
    table = pd.DataFrame({"size": range(40), "age": [1.5, 2.5] * 20, "code": ["01234", "NA"] * 20})
    table["y"] = ["no" if size < 20 else "yes" for size in table["size"]]
    table["number"] = table["size"] * 1.0
    table["letter"] = ["abc"[size // 14] for size in table["size"]]
    table.to_csv(tmp_path / "data.csv", index=False)
    return str(tmp_path / "data.csv")


def read(artifacts: Path, name: str = "evaluation") -> tuple[pd.DataFrame, dict]:
    folder = artifacts / name
    facts = json.loads((folder / "evaluation.json").read_text())
    return pd.read_parquet(folder / "predictions.parquet"), facts


def test_a_binary_classifier_of_text_labels(start_job, data) -> None:
    settings = Settings("binary", "y", metric="roc_auc")
    artifacts = start_job(CLASSIFIER, settings, "train", "--", "--input_data", data)
    predictions, facts = read(artifacts)
    assert list(predictions) == ["label", "prediction", "probability_0", "probability_1"]
    assert set(predictions["label"]) == {"no", "yes"}
    assert (predictions["probability_1"] > 0.5).tolist() == (
        predictions.prediction == "yes"
    ).tolist()
    assert (facts["classes"], facts["positive"]) == (["no", "yes"], "yes")
    assert (facts["rows"], facts["train_rows"], facts["overlap"]) == (20, 20, 0)
    assert facts["packages"]["mlflow"] == mlflow.__version__
    first = facts["importance"][0]
    assert (first["feature"], first["best_rank"], first["worst_rank"]) == ("size", 1, 1)
    assert first["mean"] == pytest.approx(0.5, abs=0.3)
    held_out = pd.read_parquet(artifacts / "evaluation" / "held_out.parquet")
    assert held_out["y"].tolist() == predictions["label"].tolist()


def test_the_positive_class_is_a_setting(start_job, data) -> None:
    settings = Settings("binary", "y", positive_class="no", metric="f1")
    _, facts = read(start_job(CLASSIFIER, settings, "train", "--", "--input_data", data))
    assert facts["positive"] == "no"
    assert facts["importance_metric"] == "f1"


def test_a_multiclass_classifier(start_job, data) -> None:
    settings = Settings("multiclass", "letter", metric="f1_macro")
    arguments = ("train", "--", "--input_data", data, "--label_column", "letter")
    predictions, facts = read(start_job(CLASSIFIER, settings, *arguments))
    assert facts["classes"] == ["a", "b", "c"]
    assert predictions.filter(like="probability_").sum(axis=1).tolist() == [1.0] * 20


def test_a_regression_has_no_classes(start_job, data) -> None:
    settings = Settings("regression", "number", metric="root_mean_squared_error")
    arguments = ("train", "--", "--input_data", data, "--label_column", "number")
    predictions, facts = read(start_job(REGRESSION, settings, *arguments))
    assert list(predictions) == ["label", "prediction"]
    assert facts["classes"] == []
    assert facts["importance"][0]["mean"] > 1  # the loss of a metric whose low values are better


def test_text_of_the_signature_stays_text(start_job, data) -> None:
    settings = Settings("custom", "number")
    predictions, facts = read(start_job(CODES, settings, "train", "--", "--input_data", data))
    assert set(predictions["prediction"]) == {0.5}  # NA is a code of every second row
    assert facts["importance"] is None


def test_importance_knows_classes_that_its_sample_of_the_rows_does_not_have(
    start_job, data, monkeypatch
) -> None:
    monkeypatch.setattr(importance, "IMPORTANCE_ROWS", 1)
    settings = Settings("binary", "y", metric="accuracy")
    _, facts = read(start_job(BY_SIZE, settings, "train", "--", "--input_data", data))
    assert [each["feature"] for each in facts["importance"]] == ["size"]


@pytest.mark.parametrize(("program", "rows"), [(FOUR_PARTS, 10), (NUMBER, 8)])
def test_another_split_is_left_alone_where_the_notebook_logs_the_rows(
    start_job, data, program, rows
) -> None:
    settings = Settings("binary", "y", metric="accuracy")
    _, facts = read(start_job(program, settings, "train", "--", "--input_data", data))
    assert (facts["rows"], facts["train_rows"], facts["overlap"]) == (rows, None, None)


@pytest.mark.parametrize("command", ["train", "promote"])
def test_a_split_in_four_parts_gives_no_held_out_rows(start_job, data, command) -> None:
    program = CLASSIFIER.replace(
        "return table.iloc[::2], table.iloc[1::2]",
        "return table[['size']], table[['age']], table['y'], table['y']",
    ).replace("train, test = split(input_data, label_column)", "train = rows(input_data)")
    program = program.replace(
        "features = train", "split(input_data, label_column)\n    features = train"
    )
    settings = Settings("binary", "y", metric="accuracy")
    first = start_job(CLASSIFIER, settings, "train", "--", "--input_data", data)
    options = (
        ("--model", str(first / "model"), "--source", "dev/m/1") if command == "promote" else ()
    )
    with pytest.raises(
        SystemExit, match=r"split.* returns the training rows and the held-out rows"
    ):
        start_job(program, settings, command, *options, "--", "--input_data", data)


def test_an_own_metric_is_a_function_of_the_notebook(start_job, data) -> None:
    program = (
        REGRESSION + "\n\ndef worst(label, prediction):\n    return abs(label - prediction).max()\n"
    )
    settings = Settings("regression", "number", metric="worst", own_metrics={"worst": "lower"})
    arguments = ("train", "--", "--input_data", data, "--label_column", "number")
    _, facts = read(start_job(program, settings, *arguments))
    assert facts["importance"][0]["mean"] > 1


def test_rows_of_a_model_without_named_columns_overlap_whatever_their_label(
    start_job, data
) -> None:
    arguments = ("train", "--", "--input_data", data, "--label_column", "number")
    _, facts = read(start_job(TENSORS, Settings("regression", "number"), *arguments))
    assert (facts["rows"], facts["overlap"]) == (40, 40)


@pytest.mark.parametrize(("metric", "error"), [("cost", "KeyError"), ("roc_auc", "AttributeError")])
def test_a_metric_that_cannot_be_measured_is_the_reason_without_importance(
    start_job, data, metric, error
) -> None:
    program = BY_SIZE + "\n\ndef cost(label, prediction):\n    return {}[label[0]]\n"
    settings = Settings("binary", "y", metric=metric, own_metrics={"cost": "lower"})
    predictions, facts = read(start_job(program, settings, "train", "--", "--input_data", data))
    assert len(predictions) == facts["rows"] == 20
    assert facts["importance"] is None
    assert error in facts["importance_reason"]


def test_the_champion_predicts_the_same_rows(start_job, data, tmp_path) -> None:
    settings = Settings("binary", "y", metric="accuracy")
    first = start_job(CLASSIFIER, settings, "train", "--", "--input_data", data)
    arguments = ("train", "--champion", str(first / "model"), "--", "--input_data", data)
    artifacts = start_job(CLASSIFIER, settings, *arguments)
    challenger, champion = read(artifacts)[0], read(artifacts, "evaluation/champion")[0]
    assert challenger["label"].tolist() == champion["label"].tolist()

    rows = str(artifacts / "evaluation")
    other = start_job(
        CLASSIFIER, settings, "predict", "--model", str(first / "model"), "--rows", rows
    )
    assert read(other)[0].equals(champion)


def test_a_promoted_model_is_logged_unchanged(start_job, data) -> None:
    settings = Settings("binary", "y", metric="accuracy")
    first = start_job(CLASSIFIER, settings, "train", "--", "--input_data", data)
    arguments = ("--model", str(first / "model"), "--source", "dev/m/1", "--", "--input_data", data)
    artifacts = start_job(CLASSIFIER, settings, "promote", *arguments)
    for file in (first / "model").rglob("*"):
        if file.is_file():
            copy = artifacts / "model" / file.relative_to(first / "model")
            assert copy.read_bytes() == file.read_bytes()
    assert read(artifacts)[1]["train_rows"] == 20
    assert mlflow.last_active_run().data.params["promoted"] == "dev/m/1"


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({}, Settings("binary", "letter"), ["task", "letter", "3"]),
        ({}, Settings("binary", "y", positive_class="maybe"), ["positive_class", "maybe", "yes"]),
        ({}, Settings("binary", "target"), ["label_column", "target", "size"]),
        ({'"model")': '"other")'}, Settings("binary", "y"), ["model", "artifact"]),
        (
            {"def split": "def parts", "= split": "= parts"},
            Settings("binary", "y"),
            ["held_out", "split"],
        ),
        ({"signature=signature, ": ""}, Settings("binary", "y"), ["signature"]),
    ],
)
def test_what_the_notebook_has_to_change(start_job, data, change, settings, words) -> None:
    program = CLASSIFIER
    for old, new in change.items():
        program = program.replace(old, new)
    label = "letter" if settings.label_column == "letter" else "y"
    arguments = ("train", "--", "--input_data", data, "--label_column", label)
    with pytest.raises(SystemExit) as stop:
        start_job(program, settings, *arguments)
    message = str(stop.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_the_command_of_the_job(tmp_path, data, tracking, monkeypatch) -> None:
    """``python -m nbrelease_job`` in the code folder; the tests of releases start it as a process."""
    exported = tmp_path / "exported"
    exported.mkdir()
    (exported / "main.py").write_text(CLASSIFIER, encoding="utf-8")
    code = write_job_code(Settings("binary", "y", metric="accuracy"), exported)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")
    monkeypatch.chdir(code)
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.setattr(sys, "argv", ["", "train", "--", "--input_data", data])
    before = set(sys.modules)
    try:
        runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)
    finally:
        for name in {*sys.modules} - before:
            if name.partition(".")[0] in (PACKAGE, "main"):
                del sys.modules[name]
    runs = mlflow.search_runs(experiment_ids=["1"], output_format="list")
    folder = mlflow.artifacts.download_artifacts(
        run_id=runs[0].info.run_id, artifact_path="evaluation", dst_path=str(tmp_path / "a")
    )
    assert len(pd.read_parquet(Path(folder) / "predictions.parquet")) == 20
