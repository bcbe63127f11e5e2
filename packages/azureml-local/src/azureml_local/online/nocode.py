"""MLflow models deployed without code, by the rules of the scoring script that Azure generates.

The script decorates ``run(input_data, params)`` with inference-schema: the input is converted to
the type of a sample, which is the model's input example or made from its signature. A model
without either gets lists as arrays, split form as data frames and other objects as named tensors.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from azureml_local.online import schema_decorators
from azureml_local.online.inference_server import InferenceServer
from azureml_local.online.parameter_types import (
    AbstractParameterType,
    NumpyParameterType,
    PandasParameterType,
    Schema,
    StandardPythonParameterType,
)
from azureml_local.scoring.model import (
    PANDAS_TYPES,
    Description,
    ExampleInfo,
    InvalidInput,
    SignatureField,
    accepts_arrays,
    sklearn_predict,
    to_json_value,
)

LONG_NUMBER = re.compile(r"\d{19}")
CONVERSION_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
PARAM_SAMPLES = {"boolean": True, "string": "sample string", "integer": 42, "long": 42}
DATE_ENDINGS, DATE_NAMES = ("_at", "_time"), ("modified", "date")
"""``pandas.read_json`` reads columns with these names as dates, and ``timestamp…``."""


class AnyParameterType(AbstractParameterType):
    """Input that is passed on as it is."""

    def __init__(self) -> None:
        super().__init__(None)

    def convert(self, value: Any) -> Any:
        """The input."""
        return value

    def input_to_swagger(self) -> Schema:
        """An object without properties."""
        return {"type": "object", "example": {}}


class FrameParameterType(PandasParameterType):
    """A data frame in split form; integers of more than 64 bits are refused."""

    def __init__(self, sample: Any) -> None:
        super().__init__(sample, enforce_shape=False, orient="split")

    def deserialize_input(self, input_data: Any) -> Any:
        """A data frame with the sample's types."""
        _require_64_bits(input_data)
        return super().deserialize_input(input_data)


class ArrayParameterType(FrameParameterType):
    """A data frame of doubles; converts plain requests to an array, which is several times faster.

    The numbers are parsed by the parser of ``pandas.read_json``, so that they are the same.
    """

    def __init__(self, sample: Any) -> None:
        super().__init__(sample)
        self._names = [str(name) for name in sample.columns]
        self._order = sorted(self._names)

    def convert(self, value: Any) -> Any:
        """An array in the order of the signature, or a data frame if the request is not plain."""
        array = self._plain_array(value)
        return super().convert(value) if array is None else array

    def _plain_array(self, value: Any) -> Any:
        if not isinstance(value, dict) or set(value) - {"columns", "index", "data"}:
            return None
        columns, rows = value.get("columns"), value.get("data")
        if not isinstance(columns, list) or not isinstance(rows, list):
            return None
        if columns != self._names and (
            any(type(name) is not str for name in columns) or sorted(columns) != self._order
        ):
            return None
        index = value.get("index", [])
        if "index" in value and (
            type(index) is not list
            or len(index) != len(rows)
            or any(type(each) is not int for each in index)
        ):
            return None
        import numpy as np
        from pandas.io.json import ujson_loads  # type: ignore[attr-defined]

        text = json.dumps(rows)
        if LONG_NUMBER.search(text):
            return None
        try:
            array = np.array(ujson_loads(text))
        except (ValueError, TypeError):
            return None
        if array.ndim != 2 or array.shape[1] != len(columns) or array.dtype.kind not in "if":
            return None
        if columns != self._names:
            array = array[:, [columns.index(name) for name in self._names]]
        return array.astype(np.float64)


def load_model_server(folder: Path, name: str, *, with_mlflow: bool = False) -> InferenceServer:
    """Load an MLflow model.

    Args:
        folder: of the registered version; ``MLmodel`` is in it or below.
        name: of the endpoint, for the swagger document.
        with_mlflow: load it with MLflow and convert requests as Azure does, which is slower.

    Raises:
        FileNotFoundError: there is no ``MLmodel``.
    """
    description = Description.read(folder)
    sample = _input_sample(description)
    input_type = _parameter_type(sample, of_input=True)
    if with_mlflow or not _serves_without_mlflow(description, sample):
        predict = description.load_pyfunc()
    else:
        estimator = description.load_estimator()
        names = [column.name for column in description.columns]
        if accepts_arrays(description.columns, estimator) and _is_array_request_safe(names):
            input_type = ArrayParameterType(sample)
        predict = sklearn_predict(description.columns, estimator)
    params = _params_sample(description)
    output = _parameter_type(_signature_sample(description.outputs), of_input=False)

    @schema_decorators.input_schema("input_data", _Checked(input_type))
    @schema_decorators.input_schema(
        "params",
        AnyParameterType() if params is None else StandardPythonParameterType(params),
        optional=True,
    )
    @schema_decorators.output_schema(output)
    def run(input_data: Any, params: Any = None) -> Any:
        if not _is_converted(input_data):
            input_data = _parse_untyped_input(input_data)
        return to_json_value(predict(input_data, params))

    signature = ", ".join(str(each.name) for each in description.columns) or "no named columns"
    print(f"model loaded; signature: {signature}", flush=True)
    # The module of the decorators has the functions of inference-schema's schema_util.
    return InferenceServer(run, name, schema=schema_decorators)


class _Checked(AbstractParameterType):
    """Another type; its conversion errors are reported as invalid input."""

    def __init__(self, inner: AbstractParameterType) -> None:
        super().__init__(inner.sample_input)
        self._inner = inner

    def convert(self, value: Any) -> Any:
        try:
            return self._inner.convert(value)
        except CONVERSION_ERRORS as error:
            raise InvalidInput(f"{type(error).__name__}: {error}") from error

    def input_to_swagger(self) -> Schema:
        return self._inner.input_to_swagger()


def _require_64_bits(value: Any) -> None:
    """Refuse integers that ``pandas.read_json`` would wrap to 64 bits without an error."""
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise OverflowError(f"{value} has more than 64 bits")
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            _require_64_bits(each)


def _serves_without_mlflow(description: Description, sample: Any) -> bool:
    """Whether MLflow would pass the converted input to scikit-learn as it is."""
    if not description.is_plain_sklearn:
        return False
    if not description.columns:
        return not description.inputs and sample is None
    signature = {column.name: PANDAS_TYPES[column.type] for column in description.columns}
    types = {name: str(kind) for name, kind in getattr(sample, "dtypes", {}).items()}
    return len(signature) == len(description.columns) and types == signature


def _is_array_request_safe(names: list[str]) -> bool:
    """Whether ``pandas.read_json`` reads columns of these names as numbers under their names."""
    import pandas as pd

    if any(
        name.endswith(DATE_ENDINGS) or name.startswith("timestamp") or name in DATE_NAMES
        for name in (each.lower() for each in names)
    ):
        return False
    probe = PandasParameterType(pd.DataFrame(), False, False, orient="split")
    frame = probe.deserialize_input({"columns": names, "data": [[0.5] * len(names)]})
    return list(frame.columns) == names  # labels that look like numbers are converted


def _input_sample(description: Description) -> Any:
    """The model's input example, else a sample with the types of its signature."""
    if description.example:
        try:
            sample = _example(description.folder, description.example)
        except (OSError, *CONVERSION_ERRORS) as error:
            print(f"the input example cannot be read: {error}", flush=True)
        else:
            if sample is not None:
                return sample
    return _signature_sample(description.inputs)


def _example(folder: Path, example: ExampleInfo) -> Any:
    import numpy as np
    import pandas as pd

    file = folder / example["artifact_path"]
    content = json.loads(file.read_text(encoding="utf-8"))
    if example["type"] == "dataframe":
        orient = "split" if "columns" in content else "values"
        reader = PandasParameterType(pd.DataFrame(), False, False, orient=orient)
        return reader.deserialize_input(content)
    if example["type"] == "ndarray":
        inputs = content["inputs"]
        if isinstance(inputs, dict):
            return {name: np.asarray(value) for name, value in inputs.items()}
        return np.asarray(inputs)
    return content


def _signature_sample(fields: list[SignatureField] | None) -> Any:
    """A data frame without rows, an array or a dict of arrays; None without a schema."""
    import numpy as np
    import pandas as pd

    if not fields:
        return None
    if fields[0].get("type") == "tensor":
        arrays = {}
        for position, field in enumerate(fields):
            spec = field["tensor-spec"]
            shape = list(spec["shape"])
            if shape and shape[0] == -1:
                shape[0] = 1
            arrays[field.get("name", position)] = np.zeros(shape, dtype=spec["dtype"])
        return arrays if "name" in fields[0] else arrays[0]
    names = [field.get("name") or position for position, field in enumerate(fields)]
    if any(field["type"] not in PANDAS_TYPES for field in fields):
        return []  # arrays and objects: the input is passed on
    types = {name: PANDAS_TYPES[field["type"]] for name, field in zip(names, fields)}
    return pd.DataFrame(columns=names).astype(types)


def _parameter_type(sample: Any, *, of_input: bool) -> AbstractParameterType:
    import numpy as np
    import pandas as pd

    if isinstance(sample, np.ndarray):
        return NumpyParameterType(sample, enforce_shape=False)
    if isinstance(sample, pd.DataFrame):
        if of_input:
            return FrameParameterType(sample)
        return PandasParameterType(sample, enforce_shape=False, orient="records")
    if isinstance(sample, dict):
        arrays = {key: NumpyParameterType(v, enforce_shape=False) for key, v in sample.items()}
        return StandardPythonParameterType(arrays)
    return AnyParameterType()


def _params_sample(description: Description) -> dict[str, object] | None:
    if description.params is None:
        return None
    samples: dict[str, object] = {}
    for param in description.params:
        default = param.get("default")
        kind = str(param.get("type", param.get("dtype")))
        samples[param["name"]] = PARAM_SAMPLES.get(kind, 0.15) if default is None else default
    return samples


def _is_converted(value: Any) -> bool:
    import numpy as np
    import pandas as pd

    first = next(iter(value.values()), None) if isinstance(value, dict) else value
    return isinstance(first, np.ndarray) or isinstance(value, pd.DataFrame)


def _parse_untyped_input(input_data: Any) -> Any:
    """The input of a model without signature and example.

    Raises:
        InvalidInput: it has none of the forms.
    """
    import numpy as np
    import pandas as pd

    try:
        if isinstance(input_data, str):
            input_data = json.loads(input_data)
        if "input_data" in input_data:
            input_data = input_data["input_data"]
        if isinstance(input_data, list):
            return np.asarray(input_data)
        if isinstance(input_data, dict) and {"columns", "index", "data"} <= set(input_data):
            reader = PandasParameterType(pd.DataFrame(), False, False, orient="split")
            return reader.deserialize_input(input_data)
        return {name: np.asarray(value) for name, value in input_data.items()}
    except CONVERSION_ERRORS as error:
        raise InvalidInput(f"{type(error).__name__}: {error}") from error
