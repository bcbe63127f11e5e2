"""What scoring scripts import under Azure's names: schemas, and raw requests and responses."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pandas as pd
import pytest

from azureml_local.online import raw_http, schema_decorators
from azureml_local.online.parameter_types import (
    NumpyParameterType,
    PandasParameterType,
    StandardPythonParameterType,
)
from azureml_local.scoring.frames import ScoringRequest

FRAME = pd.DataFrame(
    {"a": [1, 2], "b": ["x", "y"], "d": pd.to_datetime(["2020-01-01", "2020-01-02"])}
)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (1, {"type": "integer", "format": "int64", "example": 1}),
        (b"ab", {"type": "string", "format": "byte", "example": "YWI="}),
        (datetime.date(2020, 1, 2), {"type": "string", "format": "date", "example": "2020-01-02"}),
        ([1.5], {"type": "array", "items": {"type": "number", "format": "double"}, "example": [1.5]}),
        (
            {"a": True},
            {
                "type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}},
                "example": {"a": True},
            },
        ),
    ],
)  # fmt: skip
def test_python_values_have_schemas(sample, expected):
    assert StandardPythonParameterType(sample).input_to_swagger() == expected


def test_arrays_and_frames_have_schemas():
    array = NumpyParameterType(
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    ).input_to_swagger()
    assert array["example"] == [{"a": 1, "b": 2.5}]
    assert array["items"]["properties"]["a"] == {"type": "integer", "format": "int32"}
    frame = PandasParameterType(FRAME).input_to_swagger()
    assert frame["format"] == "pandas.DataFrame:records"
    assert frame["items"]["properties"]["d"] == {"type": "string", "format": "date-time"}
    assert frame["example"][0] == {"a": 1, "b": "x", "d": "2020-01-01T00:00:00.000"}


def test_lists_of_several_types_are_not_for_version_2():
    assert StandardPythonParameterType([1, "a"]).supported_versions() == ["3.0", "3.1"]
    assert StandardPythonParameterType([1, 2]).supported_versions() == ["2.0", "3.0", "3.1"]


def test_json_becomes_the_samples_type():
    rows = [{"a": "3", "b": "q", "d": "2021-01-01"}]
    actual = PandasParameterType(FRAME).deserialize_input(rows)
    assert actual.dtypes.tolist() == FRAME.dtypes.tolist()
    assert StandardPythonParameterType(b"").deserialize_input("YWI=") == b"ab"
    assert StandardPythonParameterType(datetime.datetime.now()).deserialize_input(
        "2020-01-02T03:04:05"
    ) == datetime.datetime(2020, 1, 2, 3, 4, 5)
    nested = StandardPythonParameterType({"rows": NumpyParameterType(np.array([1.0]))})
    assert nested.convert({"rows": [1, 2], "more": 1})["rows"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (NumpyParameterType(np.array([[1.0, 2.0]])), [[1, 2, 3]]),
        (NumpyParameterType(np.array([[1.0, 2.0]])), [1, 2]),
        (NumpyParameterType(np.array([1.0])), {"a": 1}),
        (PandasParameterType(FRAME), [{"a": 1}]),
        (PandasParameterType(FRAME), "rows"),
        (StandardPythonParameterType(1), "1"),
    ],
)
def test_json_of_another_kind_is_refused(kind, given):
    with pytest.raises(ValueError):
        kind.deserialize_input(given)


def test_decorators_pile_up_and_convert_what_run_gets():
    @schema_decorators.input_schema("first", NumpyParameterType(np.array([1.0])))
    @schema_decorators.input_schema("second", StandardPythonParameterType(1.0), optional=True)
    @schema_decorators.output_schema(StandardPythonParameterType([1.0]))
    def run(first, second=2.0):
        return first * second

    assert schema_decorators.is_schema_decorated(run)
    assert run([1, 2]).tolist() == [2.0, 4.0]
    assert run(first=[1, 2], second=3).tolist() == [3.0, 6.0]
    assert schema_decorators.get_input_schema(run)["example"] == {"first": [1.0], "second": 1.0}
    assert schema_decorators.get_output_schema(run)["type"] == "array"
    assert not schema_decorators.is_schema_decorated(len)
    with pytest.raises(ValueError, match="'third'"):
        schema_decorators.input_schema("third", StandardPythonParameterType(1))(lambda first: first)


def test_a_raw_request_is_flasks():
    headers = [["content-type", "application/json"], ["x-two", "a"], ["x-two", "b"]]
    actual = raw_http.to_flask_request(
        ScoringRequest(b'{"a": 1}', "POST", "/score", "n=1&n=2", headers)
    )
    assert (actual.method, actual.json, actual.args.getlist("n")) == ("POST", {"a": 1}, ["1", "2"])
    assert actual.headers["X-Two"] == "a,b"


def test_a_raw_response_takes_azures_arguments():
    actual = raw_http.AMLResponse({"a": 1}, 201, {"x-two": "a, b"}, json_str=True)
    assert (json.loads(actual.get_data()), actual.status_code) == ({"a": 1}, 201)
    assert actual.headers.getlist("x-two") == ["a", "b"]
    actual = raw_http.AMLResponse(b"x", 200, {"Content-Type": "image/png"})
    assert actual.headers.getlist("Content-Type") == ["image/png"]
    assert json.loads(raw_http.AMLResponse(None, 200).get_data()) == {}


def test_an_array_of_objects_has_its_text_as_example():
    """As in Azure's inference-schema; outputs of models with labels of text are such arrays."""
    schema = NumpyParameterType(np.array([0, "a"], dtype=object)).input_to_swagger()
    assert schema == {
        "type": "array",
        "items": {"type": "object"},
        "example": ["0", "a"],
        "format": "numpy.ndarray",
    }
