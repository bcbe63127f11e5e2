"""Tests of notebooks/score.ipynb.

Blocks headed `notebooks/score.ipynb #cell` are generated from the notebook's test cells: edit them
there, or here and run nbrelease sync. You may edit everything else.
"""

# %% notebooks/score.ipynb imports
import json
import os
import sys
import tempfile
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.types import ColSpec, Schema

# isort: split
from exported.score.main import (
    InvalidRequest,
    convert,
    init,
    load_model,
    main,
    predict,
    read_dates,
    read_rows,
    read_values,
    run,
    to_json,
    to_table,
)


# %% notebooks/score.ipynb #test-convert-uses-the-types-of-the-signature
def test_convert_uses_the_types_of_the_signature() -> None:
    types = {"n": "long", "x": "double", "code": "string", "day": "datetime"}
    schema = Schema.from_json(
        json.dumps([{"name": n, "type": t, "required": True} for n, t in types.items()])
    )
    day = "2026-01-31T12:00:00"
    data = [[1, 1, "01", day], ["2", None, "NA", "2026-01-31"]]
    body = {"input_data": {"columns": list(types), "index": [7, 8], "data": data}}
    rows = convert(read_rows(body), schema)
    assert [str(kind) for kind in rows.dtypes] == ["int64", "float64", "object", "datetime64[ns]"]
    assert rows.index.tolist() == [7, 8]
    assert rows["n"].tolist() == [1, 2]
    assert np.isnan(rows.loc[8, "x"])
    assert rows["code"].tolist() == ["01", "NA"]
    assert rows["day"].tolist() == [pd.Timestamp(day), pd.Timestamp("2026-01-31")]
    assert read_dates(pd.Series(["2026-01-31T13:00:00+01:00", None])).dt.hour[0] == 12


# %% notebooks/score.ipynb #test-strings-and-booleans
def test_strings_and_booleans() -> None:
    column = ColSpec("string", "code")
    codes = read_values(pd.Series([1, 2]), column)
    assert (str(codes.dtype), codes.tolist()) == ("object", [1, 2])
    assert read_values(pd.Series(["a", None]), column).map(type).tolist() == [str, float]
    optional = ColSpec("boolean", "flag", required=False)
    assert read_values(pd.Series([True, None]), optional).tolist() == [True, None]
    rejected = []
    for values in ([True, False], ["false"], [1], [True, None]):
        try:
            read_values(pd.Series(values), ColSpec("boolean", "flag"))
        except InvalidRequest:
            rejected.append(values)
    assert rejected == [["false"], [1], [True, None]]


# %% notebooks/score.ipynb #test-convert-tensor
def test_convert_tensor() -> None:
    spec = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 2]}}
    body = {"input_data": [[[1, 2], [3, 4]]]}
    array = convert(read_rows(body), Schema.from_json(json.dumps([spec])))
    assert (array.shape, str(array.dtype)) == ((1, 2, 2), "float32")


# %% notebooks/score.ipynb #test-run-answers-collects-and-rejects
def test_run_answers_collects_and_rejects() -> None:
    collected = []


    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: pd.DataFrame, params: dict | None = None):
            return model_input.sum(axis=1).to_numpy() * (params or {})["factor"]


    class Collector:
        def __init__(self, name, on_error):
            self.name = name

        def collect(self, table, context):
            collected.append((self.name, context.id, table.to_dict("records")))


    azure = {
        "azureml.ai.monitoring": {"Collector": Collector},
        "azureml.ai.monitoring.context": {"BasicCorrelationContext": SimpleNamespace},
        "azureml_inference_server_http.api.aml_response": {
            "AMLResponse": lambda body, status, json_str: (status, bool(body["message"]))
        },
    }
    modules = {name: SimpleNamespace(**content) for name, content in azure.items()}
    example = pd.DataFrame({"a": [1.5], "b": [2.0]})
    signature = infer_signature(example, np.array([3.5]), params={"factor": 1.0})
    table = {"columns": ["b", "a", "c"], "index": [0], "data": [[1, "2", "x"]]}
    invalid = [
        {"rows": []},
        [1],
        {"input_data": {"columns": ["a"], "data": [[1]]}},
        {"input_data": {"columns": ["a", "b"], "data": [[1, 2, 3]]}},
        {"input_data": {"columns": ["a", "b"], "data": [["many", 2]]}},
        {"input_data": {"columns": ["a", "b"], "data": [[1, 2]]}, "params": {"factor": "many"}},
    ]
    with tempfile.TemporaryDirectory() as folder, patch.dict(sys.modules, modules):
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            python_model=Sum(),
            signature=signature,
            input_example=(example, {"factor": 1.0}),
            pip_requirements=[],
        )
        with patch.dict(os.environ, {"AZUREML_MODEL_DIR": folder}):
            init()
        model = load_model(folder)
        body = {"input_data": table, "params": {"factor": 10}}
        answer = run(json.dumps(body), {"X-Ms-Request-Id": "7"})
        rows, predictions = predict(model, body)
        statuses = {run(text, {}) for text in ["{", *map(json.dumps, invalid)]}
    assert answer == predictions.tolist() == [30]
    assert rows.to_dict("records") == [{"b": 1, "a": "2", "c": "x"}]
    assert collected == [
        ("model_inputs", "7", [{"b": 1, "a": "2", "c": "x"}]),
        ("model_outputs", "7", [{"prediction": 30.0}]),
    ]
    assert statuses == {(400, True)}


# %% notebooks/score.ipynb #test-data-frames-become-records
def test_data_frames_become_records() -> None:
    answer = pd.DataFrame({"low": [1.5], "high": [2.5]})
    assert to_json(answer) == [{"low": 1.5, "high": 2.5}]
    assert to_table(answer).equals(answer)


# %% yours: tests to write
def test_main_shows_the_signature_of_a_model(tmp_path, capsys) -> None:
    class Echo(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    main()
    assert capsys.readouterr().out == ""
    signature = infer_signature(pd.DataFrame({"age": [1.5]}), np.array([3.5]))
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=Echo(), signature=signature, pip_requirements=[]
    )
    main(model_folder=str(tmp_path))
    assert "age" in capsys.readouterr().out
