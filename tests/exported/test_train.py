"""Tests of notebooks/train.ipynb.

Blocks headed `notebooks/train.ipynb #cell` are generated from the notebook's test
cells: edit them there, or here and run nbrelease sync. You may edit everything else.
"""

# %% notebooks/train.ipynb imports
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

# isort: split
from exported.train.main import (
    FEATURES,
    draw,
    evaluate,
    log_model,
    main,
    make_estimator,
    prep,
    split,
    train,
)


# %% notebooks/train.ipynb #test-prep-reads-floats-and-labels
def test_prep_reads_floats_and_labels() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text(f"PatientID,{','.join(FEATURES)},Ill\n7,1,2,3,4,5,6,7,50,1\n", encoding="utf-8")
        features, label = prep(file, "Ill")
    assert list(features.columns) == FEATURES
    assert set(features.dtypes) == {np.dtype(float)}
    assert label.tolist() == [1]


# %% notebooks/train.ipynb #test-prep-names-a-missing-column
def test_prep_names_a_missing_column() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text("Age,Diabetic\n50,1\n", encoding="utf-8")
        try:
            prep(file, "Diabetic")
        except ValueError as error:
            assert "rows.csv has no column Pregnancies" in str(error)
        else:
            raise AssertionError("prep accepted a file without the features")


# %% notebooks/train.ipynb #test-train-learns-a-threshold
def test_train_learns_a_threshold() -> None:
    values = np.arange(40.0)
    rows = pd.DataFrame({name: values for name in FEATURES})
    for name in ("logistic", "pipeline", "random_forest"):
        model = train(make_estimator(name, 0.01, 0), rows, pd.Series(values >= 20).astype(int))
        assert model.predict(rows.iloc[[0, 39]]).tolist() == [0, 1], name


# %% notebooks/train.ipynb #test-train-refuses-one-class
def test_train_refuses_one_class() -> None:
    rows = pd.DataFrame({name: [1.0, 2.0] for name in FEATURES})
    try:
        train(make_estimator("logistic", 0.01, 0), rows, pd.Series([1, 1], name="Diabetic"))
    except ValueError as error:
        assert "only one value" in str(error)
    else:
        raise AssertionError("train accepted a label with one value")


# %% notebooks/train.ipynb #test-evaluate-a-perfect-model
def test_evaluate_a_perfect_model() -> None:
    values = np.arange(40.0)
    rows = pd.DataFrame({name: values for name in FEATURES})
    truth = pd.Series(values >= 20).astype(int)
    metrics, probability = evaluate(train(make_estimator("logistic", 0.01, 0), rows, truth), rows, truth)
    assert metrics == {"accuracy": 1.0, "roc_auc": 1.0, "test_rows": 40.0, "positive_share": 0.5}
    assert probability.shape == (40,)
    assert sorted(draw(truth, probability)) == ["calibration", "confusion", "roc"]


# %% notebooks/train.ipynb #test-log-model-keeps-signature-and-example
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


# %% notebooks/train.ipynb #test-split-divides-the-rows
def test_split_divides_the_rows() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        table = pd.DataFrame({name: np.arange(10.0) for name in FEATURES} | {"Ill": [0, 1] * 5})
        table.to_csv(file, index=False)
        train_rows, held_out = split(file, "Ill", 0.3, 0)
    assert (len(train_rows), len(held_out)) == (7, 3)
    assert sorted([*train_rows["Age"], *held_out["Age"]]) == list(range(10))
    assert list(held_out.columns) == [*FEATURES, "Ill"]


# %% yours: the whole of it, as a job runs it
def test_main(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    sample = Path(__file__).parents[2] / "data" / "diabetes-sample.csv"
    main(input_data=str(sample), estimator="random_forest")
    [run] = mlflow.search_runs(output_format="list")
    assert run.data.params["estimator"] == "random_forest"
    assert run.data.metrics["train_rows"] + run.data.metrics["test_rows"] == 1500
    assert 0.7 < run.data.metrics["roc_auc"] < 1
    pictures = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="pictures")
    assert [Path(each.path).stem for each in pictures] == ["calibration", "confusion", "roc"]
    assert mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").metadata.signature
