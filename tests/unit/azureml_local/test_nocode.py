"""A model deployed without code: Azure's rules for requests and responses, one by one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from tests.unit.azureml_local.models import save_model

from azureml_local.online.nocode import load_model_server
from azureml_local.scoring.frames import ScoringRequest

JSON = [["content-type", "application/json"]]
SPLIT = {"columns": ["a", "n"], "index": [0], "data": [[1.0, 2]]}


class Echo:
    """A model that returns its input's first column, or what a function makes of its input."""

    def __init__(self, result=None):
        self._result = result

    def predict(self, data):
        return self._result(data) if self._result else data.iloc[:, 0]


def make_server(tmp_path, estimator=None, columns=(("a", "double"), ("n", "long")), **more):
    model = save_model(tmp_path / "model", estimator or Echo(), *columns, **more)
    return load_model_server(model, "endpoint")


def send(server, body=None, method="POST", headers=JSON, query="", path="/score"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.answer(ScoringRequest(data, method, path, query, headers))


def values(frame):
    return frame.to_dict(orient="records")


@pytest.mark.parametrize(
    ("columns", "input_data", "status"),
    [
        ("ab", {"columns": ["a", "b"], "index": [0], "data": [[1, 2]]}, 200),
        ("ab", {"columns": ["a", "b"], "data": [[1, 2]]}, 200),
        ("ab", {"columns": ["b", "a", "c"], "data": [[1, 2, "x"]]}, 200),
        ("ab", [[1, 2]], 500),
        ("ab", [{"a": 1, "b": 2}], 500),
        ("ab", {"a": [1], "b": [2]}, 500),
        ("ab", {"columns": ["a"], "data": [[1]]}, 500),
        ("ab", {"columns": ["a", "b"], "data": [["many", 2]]}, 500),
        ("ab", {"columns": ["a", "b"], "index": [0], "data": [[1, 2], [3, 4]]}, 500),
        ("ab", {"columns": ["a", "b"], "data": [[1, 2], [1]]}, 500),
        ("ab", {"columns": ["a", "b"], "data": []}, 500),
        ("ab", 3, 500),
        ("", [[1, 2]], 200),
        ("", {"columns": ["a", "b"], "index": [0], "data": [[1, 2]]}, 200),
        ("", {"columns": ["a", "b"], "data": [[1, 2]]}, 500),
        ("", 3, 500),
    ],
)
def test_forms_of_input_data(tmp_path, columns, input_data, status):
    estimator = LinearRegression().fit(pd.DataFrame({"a": [0, 1, 2], "b": [1, 0, 3.0]}), [1, 2, 3])
    server = make_server(tmp_path, estimator, [(name, "double") for name in columns])
    assert send(server, {"input_data": input_data}).status == status


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"input_data": SPLIT}, [["content-type", "application/json; charset=utf-8"]], 200),
        ({"input_data": SPLIT}, [["content-type", "application/x+json"]], 200),
        ({"input_data": SPLIT}, [], 415),
        (b"a,n\n1,2\n", [["content-type", "text/csv"]], 415),
        (b"{", JSON, 400),
        (b"", JSON, 400),
        ([SPLIT], JSON, 400),
        ({"dataframe_split": SPLIT}, JSON, 400),
        ({"instances": [[1, 2]]}, JSON, 400),
        ({"inputs": [[1, 2]]}, JSON, 400),
        ({"data": [[1, 2]]}, JSON, 400),
    ],
)
def test_bodies_and_content_types(tmp_path, body, headers, status):
    response = send(make_server(tmp_path), body, headers=headers)
    assert response.status == status
    assert status == 200 or set(json.loads(response.body)) == {"message"}


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        ("long", 2.7, 2),
        ("long", "3", 3),
        ("long", 10**30, None),
        ("long", 92233720368547758070, None),
        ("double", 92233720368547758070, None),
        ("long", None, None),
        ("long", True, 1),
        ("integer", 7, 7),
        ("double", None, float("nan")),
        ("double", "1.5", 1.5),
        ("boolean", "x", True),
        ("boolean", 0, False),
        ("string", "NA", "NA"),
        ("string", "01234", "01234"),
        ("datetime", "2022-06-07T00:00:00", 1654560000000000000),
        ("datetime", 1654560000000, 1654560000000),
        ("datetime", "no date", None),
    ],
)
def test_values_are_converted_to_the_types_of_the_signature(tmp_path, kind, value, converted):
    def first(frame):
        cell = frame["n"].iloc[0]
        return [cell.value if isinstance(cell, pd.Timestamp) else cell]

    server = make_server(tmp_path, Echo(lambda frame: np.array(first(frame))), [("n", kind)])
    response = send(server, {"input_data": {"columns": ["n"], "index": [0], "data": [[value]]}})
    if converted is None:
        assert response.status == 500
        assert json.loads(response.body)["error"]["code"] == "BadRequest"
    else:
        assert json.loads(response.body) == pytest.approx([converted], nan_ok=True)


@pytest.mark.parametrize(
    ("result", "status", "expected"),
    [
        (lambda f: pd.DataFrame({"label": ["x"], "score": [0.5]}), 200, [{"label": "x", "score": 0.5}]),
        (lambda f: pd.Series([1.5]), 200, [{"0": 1.5}]),
        (lambda f: np.array([[1, 2]]), 200, [[1, 2]]),
        (lambda f: {"a": [1], "b": "x"}, 200, {"a": [1], "b": "x"}),
        (lambda f: "text", 200, "text"),
        (lambda f: None, 200, {}),
        (lambda f: {"a": np.array([1])}, 500, None),
        (lambda f: [pd.Timestamp(0)], 500, None),
        (lambda f: 1 / 0, 500, None),
    ],
)  # fmt: skip
def test_results_are_serialized_as_mlflow_does(tmp_path, result, status, expected):
    response = send(make_server(tmp_path, Echo(result)), {"input_data": SPLIT})
    assert response.status == status
    if status == 200:
        assert json.loads(response.body) == expected


def test_other_methods(tmp_path):
    server = make_server(tmp_path)
    query = f"input_data={json.dumps(SPLIT)}"
    assert json.loads(send(server, b"", "GET", [], query).body) == [{"a": 1.0}]
    assert send(server, b"", "GET", []).status == 400
    options = send(server, b"", "OPTIONS", [])
    assert (options.status, options.body) == (200, b"")


def test_headers_of_the_response(tmp_path):
    server = make_server(tmp_path)
    ids = [["x-request-id", "r"], ["x-ms-client-request-id", "c"], ["traceid", "t"]]
    headers = dict(send(server, {"input_data": SPLIT}, headers=JSON + ids).headers)
    assert headers["x-request-id"] == "r"
    assert headers["x-ms-request-id"] == headers["x-ms-client-request-id"] == "c"
    assert headers["traceid"] == "t"
    assert headers["x-ms-run-function-failed"] == "False"
    assert float(headers["x-ms-run-fn-exec-ms"]) > 0
    failed = dict(send(server, {"input_data": [[1]]}).headers)
    assert failed["x-ms-run-function-failed"] == "True"
    for name in ("x-request-id", "x-ms-request-id", "x-ms-client-request-id"):
        response = send(server, {"input_data": SPLIT}, headers=[*JSON, [name, "i" * 101]])
        assert response.status == 431
        assert send(server, {"input_data": SPLIT}, headers=[*JSON, [name, "i" * 100]]).status == 200


def test_the_input_example_sets_the_types(tmp_path):
    example = {"columns": ["a", "n"], "data": [["x", 1.5]]}
    server = make_server(tmp_path, columns=(("a", "string"), ("n", "double")), example=example)
    swagger = json.loads(send(server, b"", "GET", [], path="/swagger.json", query="version=3").body)
    input_schema = swagger["components"]["schemas"]["ServiceInput"]
    assert input_schema["example"]["input_data"]["data"] == [["x", 1.5]]
    assert input_schema["properties"]["input_data"]["format"] == "pandas.DataFrame:split"
    for version in ("2", "9", ""):  # the example mixes types, which version 2 cannot express
        query = f"version={version}"
        assert send(server, b"", "GET", [], path="/swagger.json", query=query).status == 404


def test_a_signature_without_example_has_a_swagger_document(tmp_path):
    server = make_server(tmp_path)
    swagger = json.loads(send(server, b"", "GET", [], path="/swagger.json").body)
    input_schema = swagger["definitions"]["ServiceInput"]
    assert (swagger["swagger"], swagger["info"]["title"]) == ("2.0", "endpoint")
    assert input_schema["example"]["input_data"] == {"columns": ["a", "n"], "index": [], "data": []}
    assert set(swagger["paths"]) == {"/", "/score", "/swagger.json"}
