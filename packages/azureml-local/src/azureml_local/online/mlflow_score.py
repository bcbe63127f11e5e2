"""The scoring script of MLflow models without code, for Microsoft's inference server.

It follows the rules of the script that Azure generates (repository Azure/azureml-assets), and
shares no code with it. It runs in the deployment's own interpreter, with inference-schema and
MLflow. Like Azure's script, it fails without azureml-ai-monitoring. The endpoint collects the data.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import azureml.ai.monitoring  # noqa: F401 - fails as on Azure if it is not installed
import mlflow
import numpy as np
import pandas as pd
from inference_schema.parameter_types.abstract_parameter_type import AbstractParameterType
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema
from mlflow.models import Model


class AnyParameterType(AbstractParameterType):  # type: ignore[misc]
    """A value that is not converted."""

    def __init__(self) -> None:
        super().__init__(None)

    def deserialize_input(self, input_data: Any) -> Any:
        """The value."""
        return input_data

    def input_to_swagger(self) -> dict[str, object]:
        """An object without properties."""
        return {"type": "object", "example": {}}


def find_model(folder: Path) -> Path:
    """The folder with the ``MLmodel`` that is nearest to ``folder``.

    Raises:
        FileNotFoundError: there is no such file.
    """
    files = sorted(folder.rglob("MLmodel"), key=lambda path: len(path.parts))
    if not files:
        raise FileNotFoundError(f"no MLmodel in {folder}: not an MLflow model")
    return files[0].parent


def make_tensor(spec: Any) -> Any:
    """An array of zeros with the shape and the type of a tensor specification."""
    shape = list(spec.shape)
    if shape and shape[0] == -1:
        shape[0] = 1
    return np.zeros(tuple(shape), dtype=spec.type)


def make_schema_sample(schema: Any) -> Any:
    """A data frame without rows, an array or a dict of arrays; None without a schema."""
    if not schema:
        return None
    if schema.is_tensor_spec():
        if schema.has_input_names():
            return {spec.name: make_tensor(spec) for spec in schema.inputs}
        return make_tensor(schema.inputs[0])
    names, types = schema.input_names(), schema.pandas_types()
    return pd.DataFrame(columns=names).astype(dict(zip(names, types)))


def read_example(folder: Path, info: dict[str, str]) -> Any:
    """The input example of a model."""
    content = json.loads((folder / info["artifact_path"]).read_text(encoding="utf-8"))
    if info["type"] == "dataframe":
        orient: Any = "split" if "columns" in content else "values"
        return pd.read_json(json.dumps(content), orient=orient, dtype=False)
    inputs = content["inputs"]
    if isinstance(inputs, dict):
        return {name: np.asarray(value) for name, value in inputs.items()}
    return np.asarray(inputs)


def make_parameter_type(sample: Any, orient: str) -> Any:
    """The type that converts a value to the type of a sample."""
    if isinstance(sample, np.ndarray):
        return NumpyParameterType(sample, enforce_shape=False)
    if isinstance(sample, pd.DataFrame):
        return PandasParameterType(sample, enforce_shape=False, orient=orient)
    if isinstance(sample, dict):
        arrays = {name: NumpyParameterType(v, enforce_shape=False) for name, v in sample.items()}
        return StandardPythonParameterType(arrays)
    return AnyParameterType()


def make_input_sample(folder: Path, description: Any) -> Any:
    """The input example, else a sample of the signature."""
    info, signature = description.saved_input_example_info, description.signature
    if info:
        try:
            return read_example(folder, info)
        except (KeyError, ValueError, TypeError) as error:
            print(f"the input example cannot be read: {error}", flush=True)
    return make_schema_sample(signature.inputs) if signature else None


FOLDER = find_model(Path(os.environ["AZUREML_MODEL_DIR"]))
DESCRIPTION = Model.load(str(FOLDER))
SIGNATURE = DESCRIPTION.signature
MODEL = mlflow.pyfunc.load_model(str(FOLDER))
INPUT = make_parameter_type(make_input_sample(FOLDER, DESCRIPTION), "split")
OUTPUT = make_parameter_type(
    make_schema_sample(SIGNATURE.outputs) if SIGNATURE else None, "records"
)
PARAMS = (
    StandardPythonParameterType({each.name: each.default for each in SIGNATURE.params.params})
    if SIGNATURE and SIGNATURE.params
    else AnyParameterType()
)


def init() -> None:
    """The model is loaded when the script is imported, because ``run`` needs its signature."""


def is_converted(value: Any) -> bool:
    """Whether inference-schema has converted the input."""
    first = next(iter(value.values()), None) if isinstance(value, dict) else value
    return isinstance(first, np.ndarray) or isinstance(value, pd.DataFrame)


def convert_untyped(value: Any) -> Any:
    """The input of a model without signature and example."""
    if isinstance(value, str):
        value = json.loads(value)
    if "input_data" in value:
        value = value["input_data"]
    if isinstance(value, list):
        return np.asarray(value)
    if isinstance(value, dict) and all(name in value for name in ("columns", "index", "data")):
        return pd.read_json(json.dumps(value), orient="split", dtype=False)
    return {name: np.asarray(each) for name, each in value.items()}


@input_schema("input_data", INPUT)  # type: ignore[untyped-decorator]
@input_schema("params", PARAMS, optional=True)  # type: ignore[untyped-decorator]
@output_schema(OUTPUT)  # type: ignore[untyped-decorator]
def run(input_data: Any, params: Any = None) -> Any:
    """The predictions; a data frame is a list of records."""
    value = input_data if is_converted(input_data) else convert_untyped(input_data)
    result = MODEL.predict(value, params=params)
    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, (pd.DataFrame, pd.Series)):
        return pd.DataFrame(result).to_dict(orient="records")
    return result
