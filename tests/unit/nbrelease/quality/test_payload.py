"""Requests and files for a model's endpoints, whatever its columns."""

from __future__ import annotations

import io
import json
from datetime import datetime

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from nbrelease.errors import SettingsError
from nbrelease.quality.parity import compare_answers
from nbrelease.quality.payload import Payload
from nbrelease.quality.signature import Signature

COLUMNS = [
    {"name": "size", "type": "double", "required": True},
    {"name": "code", "type": "string", "required": True},
    {"name": "open", "type": "boolean", "required": True},
    {"name": "since", "type": "datetime", "required": True},
    {"name": "note", "type": "string", "required": False},
]
ROWS = pd.DataFrame(
    {
        "y": [1.0, 2.0, 3.0],
        "code": ["01234", "NA", "x"],
        "size": [0.1, np.nan, 1 / 3],
        "open": [True, False, True],
        "since": [datetime(2026, 1, day) for day in (1, 2, 3)],
    }
)


@pytest.fixture
def make_payload(tmp_path):
    def make(columns: list[dict], hooks: str = "", params: list[dict] | None = None) -> Payload:
        signature = {"inputs": json.dumps(columns), "params": params and json.dumps(params)}
        model = tmp_path / "model"
        model.mkdir(exist_ok=True)
        (model / "MLmodel").write_text(yaml.safe_dump({"signature": signature}))
        if hooks:
            (tmp_path / "payload.py").write_text(hooks)
        return Payload.load(tmp_path / "model", tmp_path)

    return make


def test_hooks_may_have_a_dataclass_and_annotations_as_texts(make_payload) -> None:
    hooks = """
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Body:
    scores: list[float]


def answer(body: dict) -> list[float]:
    return Body(**body).scores
"""
    assert make_payload(COLUMNS, hooks).answer({"scores": [0.5]}) == [0.5]


def test_a_request_has_the_columns_of_the_signature_and_values_of_json(make_payload) -> None:
    body = make_payload(COLUMNS).request(ROWS)
    assert json.loads(json.dumps(body, allow_nan=False)) == {
        "input_data": {
            "columns": ["size", "code", "open", "since"],
            "index": [0, 1, 2],
            "data": [
                [0.1, "01234", True, "2026-01-01T00:00:00"],
                [None, "NA", False, "2026-01-02T00:00:00"],
                [1 / 3, "x", True, "2026-01-03T00:00:00"],
            ],
        }
    }


def test_integers_stay_integers_in_a_request(make_payload) -> None:
    payload = make_payload([{"name": "n", "type": "long"}, {"name": "x", "type": "double"}])
    [row] = payload.request(pd.DataFrame({"n": [3], "x": [0.5]}))["input_data"]["data"]
    assert [type(value) for value in row] == [int, float]


def test_a_model_of_tensors_gets_a_list(make_payload) -> None:
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}
    rows = pd.DataFrame({"0": [1.0], "1": [2.0]})
    assert make_payload([tensor]).request(rows) == {"input_data": [[1.0, 2.0]]}


def test_a_model_without_a_signature_is_an_error(tmp_path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(SettingsError, match="signature"):
        Signature.read(tmp_path)


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ([1, 2], [1, 2]),
        ({"predictions": ["a"], "version": "3"}, ["a"]),
        ({"scores": [0.5]}, [0.5]),
        ('["a", "b"]', ["a", "b"]),
        ([{"prediction": 1.5, "low": 1.0}, {"prediction": 2.5, "low": 2.0}], [1.5, 2.5]),
        ([{"y": 1.5}], [1.5]),
    ],
)
def test_the_predictions_of_an_answer(make_payload, body, answers) -> None:
    assert make_payload(COLUMNS).answer(body) == answers


@pytest.mark.parametrize("body", [{"a": [1], "b": [2]}, 7, {"a": 1}, [{"low": 1, "high": 2}]])
def test_an_answer_that_needs_a_function_says_so(make_payload, body) -> None:
    with pytest.raises(ValueError, match=r"payload\.py"):
        make_payload(COLUMNS).answer(body)


def test_functions_of_the_project(make_payload) -> None:
    hooks = """
def request(rows, parameters):
    return {"rows": rows["size"].tolist(), **parameters}


def answer(body):
    return body["values"]["y"]
"""
    parameters = [{"name": "factor", "type": "double", "default": 2.0, "shape": None}]
    payload = make_payload(COLUMNS, hooks, parameters)
    assert payload.request(ROWS.head(1)) == {"rows": [0.1], "factor": 2.0}
    assert payload.answer({"values": {"y": [4]}}) == [4]
    assert payload.invalid_requests(ROWS)["an empty object"] == {}


def test_a_project_may_have_its_own_invalid_requests(make_payload) -> None:
    hooks = "def invalid(rows):\n    return {'no size': {'rows': len(rows)}}\n"
    assert make_payload(COLUMNS, hooks).invalid_requests(ROWS) == {"no size": {"rows": 3}}


def test_a_file_without_any_of_the_functions_is_an_error(make_payload) -> None:
    with pytest.raises(SettingsError, match=r"payload\.py"):
        make_payload(COLUMNS, "def requests(rows): ...\n")


def test_invalid_requests_for_each_type_of_column(make_payload) -> None:
    bodies = make_payload(COLUMNS).invalid_requests(ROWS)
    assert bodies["a column missing"]["input_data"]["columns"] == ["code", "open", "since"]
    changed = {
        name: bodies[name]["input_data"]["data"][0]
        for name in ("text for a number", "text for a date", "a value too many")
    }
    assert changed == {
        "text for a number": ["many", "01234", True, "2026-01-01T00:00:00"],
        "text for a date": [0.1, "01234", True, "the day after"],
        "a value too many": [0.1, "01234", True, "2026-01-01T00:00:00", 1],
    }
    assert isinstance(bodies["not JSON"], bytes)


class Constant(mlflow.pyfunc.PythonModel):
    """Predicts its parameter for each row."""

    def predict(self, context, model_input, params=None):
        return [float((params or {}).get("factor", 1.0))] * len(model_input)


FRAME = pd.DataFrame(
    {
        "size": [1.5, 2.0],
        "count": [1, 2],
        "open": [True, False],
        "code": ["NA", "01234"],
        "since": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "weight": [1.0, None],
        "note": ["x", None],
    }
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("with_example", [False, True])
@pytest.mark.parametrize(
    ("rows", "params", "refused"),
    [
        (FRAME, {"factor": 2.0, "mode": "fast"}, 8),
        (FRAME[["code"]], None, 4),
        (FRAME[["size", "weight"]], None, 5),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), None, 4),
    ],
)
def test_the_server_of_mlflow_models_accepts_and_refuses_as_it_should(
    tmp_path, rows, params, refused, with_example
):
    from azureml_local.online.nocode import load_model_server
    from azureml_local.scoring.frames import ScoringRequest

    signature = mlflow.models.infer_signature(rows, [0.5], params=params)
    mlflow.pyfunc.save_model(
        tmp_path / "model",
        python_model=Constant(),
        signature=signature,
        input_example=rows if with_example else None,
        pip_requirements=["mlflow"],
    )
    server = load_model_server(tmp_path / "model", "endpoint", with_mlflow=True)
    payload = Payload.load(tmp_path / "model", tmp_path)
    table = pd.DataFrame(rows)

    def send(body) -> tuple[int, bytes]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [["content-type", "application/json"]]
        response = server.answer(ScoringRequest(content, "POST", "/score", "", headers))
        return response.status, response.body

    status, body = send(payload.request(table))
    assert (status, payload.answer(json.loads(body))) == (
        200,
        [params["factor"] if params else 1.0] * 2,
    )
    statuses = {name: send(each)[0] for name, each in payload.invalid_requests(table).items()}
    # The front end turns 500 of the container into 424.
    assert {name for name, status in statuses.items() if status < 400} == set()
    assert len(statuses) == refused


def test_files_of_a_batch_test(make_payload) -> None:
    payload = make_payload(COLUMNS)
    valid = payload.valid_files(ROWS)
    for name, file in valid.items():
        table = pd.read_csv(io.StringIO(file.text), dtype={"code": str}, keep_default_na=False)
        assert table["code"].tolist() == ROWS["code"].iloc[list(file.rows)].tolist(), name
    assert {name: len(file.rows) for name, file in valid.items()} == {
        "rows.csv": 3,
        "one-row.csv": 1,
        "reordered.csv": 3,
        "extra-column.csv": 3,
    }
    invalid = payload.invalid_files(ROWS)
    assert invalid["empty.csv"].text == ""
    assert invalid["no-header.csv"].text.startswith("0.1,01234,True")
    missing = invalid["missing-value.csv"]
    assert missing.changed == {2}
    assert missing.text.splitlines()[3].startswith(",x,")


@pytest.mark.parametrize(
    ("expected", "answers", "different"),
    [
        ([0, 1], [0, 1], []),
        ([0, 1], [0, 0], [1]),
        (["a", "b"], ["a", "b"], []),
        (["1"], [1], [0]),
        ([True], [1], [0]),
        ([0.1, 1e6], [0.1 + 1e-12, 1e6 + 0.01], []),
        ([0.1, 1e6], [0.2, 1e6], [0]),
        ([1.0], [1], []),
        ([float("nan")], [None], []),
        ([[0.25, 0.75]], [[0.25, 0.75]], []),
        ([[0.25, 0.75]], [[0.75, 0.25]], [0]),
    ],
)
def test_parity_is_closeness_of_numbers_and_equality_of_labels(expected, answers, different):
    assert compare_answers(expected, answers).different == different


def test_parity_of_another_number_of_answers_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\b2\b.*\b1\b"):
        compare_answers([1, 2], [1])
