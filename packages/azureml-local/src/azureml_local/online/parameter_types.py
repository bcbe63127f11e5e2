"""Parameter types of scoring scripts, made from samples, with the names of inference-schema.

Each has a JSON schema and converts JSON to the type. JSON of another type raises a ValueError, as
scripts expect.
"""

from __future__ import annotations

import base64
import datetime
import io
import json
from collections.abc import Mapping
from typing import Any, TypedDict

VERSIONS = ("2.0", "3.0", "3.1")
DATE = "%Y-%m-%d"
DATETIME = "%Y-%m-%d %H:%M:%S.%f %z"
TIME = "%H:%M:%S.%f %z"


class Schema(TypedDict, total=False):
    """The part of JSON schema that describes samples, with the sample as an example."""

    type: str
    format: str
    items: Schema
    properties: dict[str, Schema]
    required: list[str]
    example: Any


SCALAR_SCHEMAS: dict[type, Schema] = {
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
}


class AbstractParameterType:
    """The base class; scripts may define their own types."""

    def __init__(self, sample_input: Any) -> None:
        self.sample_input = sample_input
        self.sample_data_type = type(sample_input)

    def supported_versions(self) -> list[str]:
        """The versions of OpenAPI that can express the sample; 2 has no lists of several types."""
        uniform = _has_uniform_lists(self.input_to_swagger()["example"])
        return list(VERSIONS if uniform else VERSIONS[1:])

    def deserialize_input(self, input_data: Any) -> Any:
        """A value of the type, out of JSON."""
        raise NotImplementedError

    def input_to_swagger(self) -> Schema:
        """The type as a schema, with the sample as its example."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """The same as :meth:`deserialize_input`; a value of the type stays as it is."""
        return value if isinstance(value, self.sample_data_type) else self.deserialize_input(value)


class StandardPythonParameterType(AbstractParameterType):
    """A Python value: number, text, bytes, time, or a list or dict of such and of other types."""

    def convert(self, value: Any) -> Any:
        """Convert a value and the values in it.

        Raises:
            ValueError: its type differs from the sample's.
        """
        sample = self.sample_input
        if isinstance(sample, dict) and isinstance(value, dict):
            inner = {k: v for k, v in sample.items() if isinstance(v, AbstractParameterType)}
            return {k: inner[k].convert(v) if k in inner else v for k, v in value.items()}
        if isinstance(sample, (list, tuple)) and isinstance(value, (list, tuple)):
            first = next((each for each in sample if isinstance(each, AbstractParameterType)), None)
            return [first.convert(each) for each in value] if first else value
        return super().convert(value)

    def deserialize_input(self, input_data: Any) -> Any:
        """A value of the sample's type.

        Raises:
            ValueError: its type differs from the sample's.
        """
        kind = self.sample_data_type
        if isinstance(input_data, str):
            if kind in (bytes, bytearray):
                return kind(base64.b64decode(input_data))
            if kind is datetime.datetime:
                return _parse_datetime(input_data)
            if kind is datetime.time:
                return _parse_datetime(input_data).timetz()
            if kind is datetime.date:
                return datetime.datetime.strptime(input_data, DATE).date()
        if kind is float and type(input_data) is int:
            return input_data
        if not isinstance(input_data, kind):
            actual = type(input_data).__name__
            raise ValueError(f"expected {kind.__name__}, not {actual}")  # noqa: TRY004
        return input_data

    def input_to_swagger(self) -> Schema:
        """The type as a schema.

        Raises:
            ValueError: there is no sample.
            TypeError: the sample cannot be written as JSON.
        """
        if self.sample_input is None:
            raise ValueError("a sample cannot be None")
        schema = _python_schema(self.sample_input)
        json.dumps(schema)
        return schema


class NumpyParameterType(AbstractParameterType):
    """An array of numpy."""

    def __init__(
        self, sample_input: Any, enforce_column_type: bool = True, enforce_shape: bool = True
    ) -> None:
        super().__init__(sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape

    def deserialize_input(self, input_data: Any) -> Any:
        """An array of the sample's type and of its shape, but for the first dimension.

        Raises:
            ValueError: its shape differs from the sample's.
        """
        import numpy as np

        if not isinstance(input_data, list):
            raise ValueError("expected an array of items")  # noqa: TRY004
        kind = self.sample_input.dtype
        if not self.enforce_column_type:
            array = np.array(input_data)
        elif kind.names:
            rows = [
                tuple(row[name] for name in kind.names) if isinstance(row, Mapping) else tuple(row)
                for row in input_data
            ]
            array = np.array(rows, dtype=kind)
        else:
            array = np.array(input_data, dtype=kind)
        if self.enforce_shape:
            _require_shape(array.shape, self.sample_input.shape)
        return array

    def input_to_swagger(self) -> Schema:
        """The type as a schema."""
        schema = _array_schema(_numpy_schema(self.sample_input.dtype), len(self.sample_input.shape))
        schema["example"] = _json_value(self.sample_input)
        return {**schema, "format": "numpy.ndarray"}


class PandasParameterType(AbstractParameterType):
    """A pandas data frame in the JSON form ``orient``."""

    def __init__(
        self,
        sample_input: Any,
        enforce_column_type: bool = True,
        enforce_shape: bool = True,
        apply_column_names: bool = False,
        orient: str = "records",
    ) -> None:
        super().__init__(sample_input)
        if orient not in ("split", "records", "index", "columns", "values", "table"):
            raise ValueError(f"{orient!r} is not an orient of a data frame")
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape
        self.apply_column_names = apply_column_names
        self.orient: Any = orient

    def deserialize_input(self, input_data: Any) -> Any:
        """A data frame with the sample's types and as many columns.

        Raises:
            ValueError: it has another number of columns, or a value of another type.
        """
        import pandas as pd

        if not isinstance(input_data, (list, dict)):
            kind = type(input_data).__name__
            raise ValueError(f"expected a data frame, not {kind}")  # noqa: TRY004
        text = io.StringIO(json.dumps(input_data))
        frame = pd.read_json(text, orient=self.orient, dtype=False)
        if self.apply_column_names:
            frame.columns = self.sample_input.columns.copy()
        if self.enforce_column_type:
            types = self.sample_input.dtypes.to_dict()
            dtypes = {name: types.get(name, object) for name in frame.columns}
            for name, kind in dtypes.items():
                if str(kind).startswith("timedelta"):
                    frame[name] = pd.to_timedelta(frame[name])
            frame = frame.astype(dtypes)
        if self.enforce_shape:
            _require_shape(frame.shape, self.sample_input.shape)
        return frame

    def input_to_swagger(self) -> Schema:
        """The type as a schema."""
        sample = json.loads(self.sample_input.to_json(orient=self.orient, date_format="iso"))
        schema = _python_schema(sample)
        for name, kind in self.sample_input.dtypes.items():
            word = "date-time" if kind.kind == "M" else "timedelta" if kind.kind == "m" else ""
            if word:
                for place in self._column_schemas(schema, str(name)):
                    place["format"] = word
        return {**schema, "format": f"pandas.DataFrame:{self.orient}"}

    def _column_schemas(self, schema: Schema, name: str) -> list[Schema]:
        """The parts of the schema that describe a column."""
        if self.orient == "records":
            return [schema["items"]["properties"][name]]
        if self.orient == "index":
            return [row["properties"][name] for row in schema["properties"].values()]
        if self.orient == "columns":
            return list(schema["properties"][name]["properties"].values())
        if self.orient == "table":
            return [schema["properties"]["data"]["items"]["properties"][name]]
        return []


def _python_schema(sample: Any) -> Schema:
    """The schema of a Python value, with its example."""
    if isinstance(sample, AbstractParameterType):
        return sample.input_to_swagger()
    kind = type(sample)
    if kind in SCALAR_SCHEMAS:
        return {**SCALAR_SCHEMAS[kind], "example": sample}
    if kind in (bytes, bytearray):
        text = base64.b64encode(sample).decode()
        return {"type": "string", "format": "byte", "example": text}
    if kind is datetime.date:
        return {"type": "string", "format": "date", "example": sample.strftime(DATE)}
    if kind in (datetime.datetime, datetime.time):
        zoned = sample if sample.tzinfo else sample.replace(tzinfo=datetime.timezone.utc)
        has_date = kind is datetime.datetime
        word, form = ("date-time", DATETIME) if has_date else ("time", TIME)
        return {"type": "string", "format": word, "example": zoned.strftime(form)}
    if kind in (list, tuple, range):
        schemas = [_python_schema(each) for each in sample]
        example = [each.pop("example") for each in schemas]
        items = schemas[-1] if schemas else {"type": "object"}
        return {"type": "array", "items": items, "example": example}
    if kind is dict:
        inner = {key: _python_schema(value) for key, value in sample.items()}
        examples = {key: each.pop("example") for key, each in inner.items()}
        return {
            "type": "object",
            "required": list(inner),
            "properties": inner,
            "example": examples,
        }
    return {"type": "object", "example": sample}


def _numpy_schema(kind: Any) -> Schema:
    """The schema of a numpy type."""
    if kind.names:
        return {
            "type": "object",
            "properties": {name: _numpy_schema(kind[name]) for name in kind.names},
        }
    if kind.subdtype is not None:
        return _array_schema(_numpy_schema(kind.subdtype[0]), len(kind.subdtype[1]))
    if kind.kind in "iu":
        return {"type": "integer", "format": kind.name}
    if kind.kind == "f":
        return {"type": "number", "format": "double" if kind.itemsize == 8 else "float"}
    if kind.kind == "b":
        return {"type": "boolean"}
    words = {"M": "date-time", "S": "binary", "V": "binary", "m": "timedelta"}
    if kind.kind in words:
        return {"type": "string", "format": words[kind.kind]}
    return {"type": "string"} if kind.kind == "U" else {"type": "object"}


def _array_schema(items: Schema, dimensions: int) -> Schema:
    schema = items
    for _ in range(max(1, dimensions)):
        schema = {"type": "array", "items": schema}
    return schema


def _json_value(value: Any) -> Any:
    """A numpy value as a JSON value."""
    if getattr(value, "shape", ()):
        return [_json_value(each) for each in value]
    if not hasattr(value, "dtype"):  # an item of an array of objects: the example is its text
        return str(value)
    names = value.dtype.names
    if names:
        return {name: _json_value(value[name]) for name in names}
    kind = value.dtype.kind
    if kind in "iufb":
        return value.item()
    if kind in "SV":
        return base64.b64encode(bytes(value)).decode()
    if kind == "M":
        return value.astype(datetime.datetime).strftime("%Y-%m-%d %H:%M:%S,%f")
    return str(value)


def _require_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if len(shape) != len(expected) or shape[1:] != expected[1:]:
        raise ValueError(f"expected the shape {('n', *expected[1:])}, not {shape}")


def _parse_datetime(text: str) -> datetime.datetime:
    import pandas as pd

    parsed: datetime.datetime = pd.Timestamp(text).to_pydatetime()
    return parsed


def _has_uniform_lists(example: Any) -> bool:
    if isinstance(example, list):
        return len({type(each) for each in example}) < 2 and all(
            _has_uniform_lists(each) for each in example if isinstance(each, list)
        )
    if isinstance(example, dict):
        return all(_has_uniform_lists(each) for each in example.values())
    return True
