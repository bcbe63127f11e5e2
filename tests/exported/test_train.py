"""Tests of what notebooks/train.ipynb exports.

Blocks with a digest in their heading are written by nbrelease export from the notebook's
test cells; everything else is yours and stays.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


# %% module under test [4b10e762cfdf7009]
_spec = importlib.util.spec_from_file_location(
    "exported_train", Path(__file__).parent / "../../exported/train/main.py"
)
assert _spec is not None and _spec.loader is not None
main = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(main)
FEATURES = main.FEATURES
Path = main.Path
draw = main.draw
evaluate = main.evaluate
log_model = main.log_model
make_estimator = main.make_estimator
mlflow = main.mlflow
np = main.np
pd = main.pd
prep = main.prep
tempfile = main.tempfile
train = main.train


# %% cell test-prep-reads-floats-and-labels [4ece869b1dba764f]
def test_prep_reads_floats_and_labels() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text(f"PatientID,{','.join(FEATURES)},Ill\n7,1,2,3,4,5,6,7,50,1\n", encoding="utf-8")
        features, label = prep(file, "Ill")
    assert list(features.columns) == FEATURES
    assert set(features.dtypes) == {np.dtype(float)}
    assert label.tolist() == [1]


# %% cell test-prep-names-a-missing-column [c8c0a2e9c29514e4]
def test_prep_names_a_missing_column() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text("Age,Diabetic\n50,1\n", encoding="utf-8")
        try:
            prep(file, "Diabetic")
        except ValueError as error:
            assert "rows.csv has no column Pregnancies" in str(error)
        else:
            raise AssertionError("a file without the features was accepted")


# %% cell test-train-learns-a-threshold [7f352aa5bfb7cac8]
def test_train_learns_a_threshold() -> None:
    values = np.arange(40.0)
    rows = pd.DataFrame({name: values for name in FEATURES})
    for name in ("logistic", "pipeline", "random_forest"):
        model = train(make_estimator(name, 0.01, 0), rows, pd.Series(values >= 20).astype(int))
        assert model.predict(rows.iloc[[0, 39]]).tolist() == [0, 1], name


# %% cell test-train-refuses-one-class [655e4bc4455e2f40]
def test_train_refuses_one_class() -> None:
    rows = pd.DataFrame({name: [1.0, 2.0] for name in FEATURES})
    try:
        train(make_estimator("logistic", 0.01, 0), rows, pd.Series([1, 1], name="Diabetic"))
    except ValueError as error:
        assert "one value only" in str(error)
    else:
        raise AssertionError("a label of one value was accepted")


# %% cell test-evaluate-a-perfect-model [f6a22f31ca6be706]
def test_evaluate_a_perfect_model() -> None:
    values = np.arange(40.0)
    rows = pd.DataFrame({name: values for name in FEATURES})
    truth = pd.Series(values >= 20).astype(int)
    metrics, probability = evaluate(train(make_estimator("logistic", 0.01, 0), rows, truth), rows, truth)
    assert metrics == {"accuracy": 1.0, "roc_auc": 1.0, "test_rows": 40.0, "positive_share": 0.5}
    assert probability.shape == (40,)
    assert sorted(draw(truth, probability)) == ["calibration", "confusion", "roc"]


# %% cell test-log-model-keeps-signature-and-example [8d9adeb1fc4617a5]
def test_log_model_keeps_signature_and_example() -> None:
    values = np.arange(40.0)
    rows = pd.DataFrame({name: values for name in FEATURES})
    model = train(make_estimator("random_forest", 0.01, 0), rows, pd.Series(values >= 20).astype(int))
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment("test", artifact_location=Path(folder, "artifacts").as_uri())
        with mlflow.start_run(experiment_id="1") as run:
            log_model(model, rows.head(3))
        loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
        mlflow.set_tracking_uri(None)
    assert loaded.metadata.get_input_schema().input_names() == FEATURES
    assert loaded.predict(rows).tolist() == model.predict(rows).tolist()
