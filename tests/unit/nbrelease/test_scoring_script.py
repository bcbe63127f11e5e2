"""The scoring script of new projects answers as a deployment without code, and collects data."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.linear_model import LinearRegression

from azureml_local.endpoints import ONLINE, Deployment
from azureml_local.online.collector import Collector
from azureml_local.online.inference_server import InferenceServer
from azureml_local.online.monitoring import SAMPLING_RATES
from azureml_local.online.nocode import load_model_server
from azureml_local.online.script import load_script_server
from azureml_local.scoring.frames import ScoringRequest
from azureml_local.store import Resource
from nbrelease.quality.collected import match_predictions, read_collected

SCRIPT = Path(__file__).parents[3] / "exported" / "score"
ROWS = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": [0.5, 1.0, 7.0]})
TYPES = {"n": "long", "i": "integer", "s": "string", "d": "datetime", "ok": "boolean"}
DAY = "2026-01-31T12:00:00"


class Typed(mlflow.pyfunc.PythonModel):
    """Shows what the model gets, as a data frame."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict | None = None):
        columns = {
            "n": model_input["n"] * 2,
            "i": model_input["i"],
            "s": model_input["s"].map(repr),
        }
        return pd.DataFrame({**columns, "hour": model_input["d"].dt.hour, "ok": model_input["ok"]})


class Scaled(mlflow.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: pd.DataFrame, params: dict | None = None):
        return model_input["a"].to_numpy() * (params or {})["factor"]


class Sum(mlflow.pyfunc.PythonModel):
    def predict(self, context: Any, model_input: np.ndarray, params: dict | None = None):
        return model_input.sum(axis=1)


def table(columns: list[str], *data: list[Any], **more: Any) -> dict[str, Any]:
    split = {"columns": columns, "index": list(range(len(data))), "data": list(data)}
    return {"input_data": split, **more}


AB, NAMES = ["a", "b"], list(TYPES)
MODELS = {
    "linear": (LinearRegression().fit(ROWS, ROWS["a"]), infer_signature(ROWS, [1.0])),
    "typed": (Typed(), ModelSignature(Schema([ColSpec(t, n) for n, t in TYPES.items()]))),
    "params": (
        Scaled(),
        ModelSignature(
            Schema([ColSpec("double", "a")]),
            params=ParamSchema([ParamSpec("factor", "double", 2.0)]),
        ),
    ),
    "tensor": (Sum(), ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 2))]))),
}
VALID = {
    "linear": [
        table(AB, [1, 2.5]),
        table(AB, [1, 2], [3.25, "4"]),
        table(["b", "x", "a"], [1, "text", 2]),
        {"input_data": {"columns": AB, "data": [[1, 2]]}},
    ],
    "typed": [
        table(NAMES, [1, 2, "01", DAY, True], [-3, 4, "NA", "2026-01-31", False]),
        table(NAMES, [1, 2, 98, DAY, True], [3, 4, 99, DAY, True]),
        table(NAMES, [1, 2, 0.5, DAY, True]),
        table(NAMES, [1, 2, True, DAY, True]),
        table(NAMES, [1, 2, "x", DAY, True], [3, 4, 5, DAY, True], [5, 6, None, DAY, True]),
        table(NAMES, ["7", 2.75, "", DAY, True]),
    ],
    "params": [table(["a"], [1.5]), table(["a"], [1.5], [2], params={"factor": 10})],
    "tensor": [{"input_data": [[1, 2.5], [3, 4]]}],
}
INVALID = {
    "linear": [
        {},
        {"rows": []},
        table(["a"], [1]),
        table(AB, ["many", 1]),
        table(AB, [1, 2, 3]),
        table(AB, [[1], 2]),
        {"input_data": {"columns": AB, "index": [0], "data": [[1, 2], [3, 4]]}},
        {"instances": [[1, 2]]},
    ],
    "typed": [
        table(NAMES, [10**30, 2, "x", DAY, True]),
        table(NAMES, [None, 2, "x", DAY, True]),
        table(NAMES, [1, 2, "x", "someday", True]),
    ],
    "params": [table(["a"], [1], params={"factor": "many"})],
    "tensor": [{"input_data": [[1, 2, 3]]}, {"input_data": [["many", 1]]}],
}
STRICTER = [
    table(NAMES, [1, 2, "x", 86400, True]),
    table(NAMES, [1, 2, "x", DAY, "false"]),
    table(NAMES, [1, 2, "x", DAY, True], [1, 2, "x", DAY, 0]),
    table(NAMES, [1, 2, "x", DAY, None]),
]
"""Requests that only the script rejects, as docs/training-notebook.md says."""


@pytest.fixture(scope="module", params=list(MODELS))
def model(request, tmp_path_factory) -> tuple[str, Path]:
    """Name and folder of each model."""
    predictor, signature = MODELS[request.param]
    folder = tmp_path_factory.mktemp("models") / request.param
    options = {"signature": signature, "pip_requirements": []}
    if isinstance(predictor, mlflow.pyfunc.PythonModel):
        mlflow.pyfunc.save_model(folder / "model", python_model=predictor, **options)
    else:
        options["serialization_format"] = "cloudpickle"
        mlflow.sklearn.save_model(predictor, folder / "model", **options)
    return request.param, folder


@pytest.fixture
def script(model, monkeypatch) -> Iterator[InferenceServer]:
    """The server with the scoring script; the stand-ins for Azure's packages are removed again."""
    rates = {"model_inputs": 1, "model_outputs": 1}
    monkeypatch.setenv(SAMPLING_RATES, json.dumps(rates))
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(model[1]))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "path", [*sys.path])
    modules = set(sys.modules)
    yield load_script_server(SCRIPT, "main.py", "e")
    for name in set(sys.modules) - modules:
        if name.startswith(("azureml.", "azureml_inference_server_http", "entry_module")):
            del sys.modules[name]


def send(server: InferenceServer, body: Any, request_id: str = "7"):
    headers = [["content-type", "application/json"], ["x-ms-request-id", request_id]]
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.answer(ScoringRequest(text, headers=headers))


def test_valid_requests_get_the_answer_of_a_deployment_without_code(model, script):
    name, folder = model
    without_code = load_model_server(folder, "e")
    for body in VALID[name]:
        expected, answer = send(without_code, body), send(script, body)
        assert (expected.status, answer.status) == (200, 200), answer.body
        assert json.loads(answer.body) == json.loads(expected.body)


def test_invalid_requests_get_400_and_are_not_collected(model, script):
    name, folder = model
    without_code = load_model_server(folder, "e")
    for body in [b'{"input_data": ', b"\xff", [], 1, *INVALID[name]]:
        assert send(without_code, body).status in (400, 500)
        answer = send(script, body)
        assert (answer.status, answer.collected) == (400, []), body
        assert json.loads(answer.body)["message"]


@pytest.mark.parametrize("model", ["typed"], indirect=True)
@pytest.mark.parametrize("body", STRICTER)
def test_the_script_rejects_other_dates_and_booleans(model, script, body):
    assert send(load_model_server(model[1], "e"), body).status == 200
    answer = send(script, body)
    assert (answer.status, answer.collected) == (400, []), answer.body


def test_rows_and_predictions_are_collected_with_the_id_of_the_request(model, script):
    body = VALID[model[0]][-1]
    answer = send(script, body, "42")
    (inputs, inputs_id, rows), (outputs, outputs_id, predictions) = answer.collected
    assert (inputs, outputs) == ("model_inputs", "model_outputs")
    assert inputs_id == outputs_id == dict(answer.headers)["x-ms-request-id"] == "42"
    data = body["input_data"]
    values = json.loads(answer.body)
    if isinstance(data, list):
        assert rows == [{"value": row} for row in data]
    else:
        assert rows == [dict(zip(data["columns"], row, strict=True)) for row in data["data"]]
    records = [value if isinstance(value, dict) else {"prediction": value} for value in values]
    # The collector has ten decimals.
    pd.testing.assert_frame_equal(pd.DataFrame(predictions), pd.DataFrame(records).round(10))


def test_mirrored_requests_are_compared_with_a_deployment_without_code(model, script, tmp_path):
    """The first release with a scoring script follows one without."""
    name, folder = model
    without_code = load_model_server(folder, "e")
    bodies = [body for body in VALID[name] if "params" not in body]  # rows are matched by values
    workspace: Any = SimpleNamespace(path="/workspaces/w", container=lambda files: tmp_path)
    enabled = {"dataCollectionMode": "Enabled"}
    collections = {"collections": {"model_inputs": enabled, "model_outputs": enabled}}

    live_deployment, new_deployment = (
        Deployment(ONLINE, workspace, Resource("", "", f"e/{name}", "", 0, "", "", body))
        for name, body in (("live", {"properties": {"dataCollector": collections}}), ("new", {}))
    )

    async def collect() -> None:
        collector = Collector()
        for number, body in enumerate(bodies):
            text = json.dumps(body).encode()
            answer = send(without_code, body).body
            collector.collect(live_deployment, str(number), text, answer)
            for collection, request_id, rows in send(script, body, str(number)).collected:
                collector.append(new_deployment, collection, request_id, rows)
        collector.flush()

    asyncio.run(collect())
    live, new = (
        read_collected(tmp_path / "modelDataCollector/e" / each) for each in ("live", "new")
    )
    assert len(live) == len(new) >= len(bodies)
    both = match_predictions(live, new)
    if name != "tensor":  # its columns have no names
        assert len(both) == len(new)
    assert both["before"].tolist() == both["after"].tolist()
