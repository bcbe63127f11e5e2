"""A scoring script for MLflow models with the behavior of the one that Azure generates.

It runs in Microsoft's inference server, with the packages inference-schema and MLflow. Azure's own
script is in the repository Azure/azureml-assets; this one has the same rules and other code.
"""

import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from inference_schema.parameter_types.abstract_parameter_type import AbstractParameterType
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema
from mlflow.models import Model

FOLDER = Path(os.environ["TEST_MODEL"])


class Passthrough(AbstractParameterType):
    def __init__(self):
        super().__init__(None)

    def deserialize_input(self, input_data):
        return input_data

    def input_to_swagger(self):
        return {"type": "object", "example": {}}


def tensor_sample(spec):
    shape = list(spec.shape)
    if shape and shape[0] == -1:
        shape[0] = 1
    return np.zeros(tuple(shape), dtype=spec.type)


def schema_sample(schema):
    if not schema:
        return None
    if schema.is_tensor_spec():
        if schema.has_input_names():
            return {spec.name: tensor_sample(spec) for spec in schema.inputs}
        return tensor_sample(schema.inputs[0])
    names, types = schema.input_names(), schema.pandas_types()
    return pd.DataFrame(columns=names).astype(dict(zip(names, types, strict=True)))


def example_sample(info):
    content = json.loads((FOLDER / info["artifact_path"]).read_text())
    if info["type"] == "dataframe":
        orient = "split" if "columns" in content else "values"
        return pd.read_json(json.dumps(content), orient=orient, dtype=False)
    inputs = content["inputs"]
    if isinstance(inputs, dict):
        return {name: np.asarray(value) for name, value in inputs.items()}
    return np.asarray(inputs)


def parameter_type(sample, orient):
    if isinstance(sample, np.ndarray):
        return NumpyParameterType(sample, enforce_shape=False)
    if isinstance(sample, pd.DataFrame):
        return PandasParameterType(sample, enforce_shape=False, orient=orient)
    if isinstance(sample, dict):
        return StandardPythonParameterType(
            {name: NumpyParameterType(value, enforce_shape=False) for name, value in sample.items()}
        )
    return Passthrough()


description = Model.load(str(FOLDER))
signature = description.signature
sample = None
if description.saved_input_example_info:
    try:
        sample = example_sample(description.saved_input_example_info)
    except (KeyError, ValueError, TypeError):
        sample = None
if sample is None and signature:
    sample = schema_sample(signature.inputs)
params = Passthrough()
if signature and signature.params:
    params = StandardPythonParameterType({p.name: p.default for p in signature.params.params})
model = mlflow.pyfunc.load_model(str(FOLDER))


def init():
    pass


def untyped(given):
    if isinstance(given, str):
        given = json.loads(given)
    if "input_data" in given:
        given = given["input_data"]
    if isinstance(given, list):
        return np.asarray(given)
    if isinstance(given, dict) and all(name in given for name in ("columns", "index", "data")):
        return pd.read_json(json.dumps(given), orient="split", dtype=False)
    return {name: np.asarray(value) for name, value in given.items()}


@input_schema("input_data", parameter_type(sample, "split"))
@input_schema("params", params, optional=True)
@output_schema(parameter_type(schema_sample(signature.outputs) if signature else None, "records"))
def run(input_data, params=None):
    typed = isinstance(input_data, np.ndarray | pd.DataFrame)
    if isinstance(input_data, dict) and input_data:
        typed = isinstance(next(iter(input_data.values())), np.ndarray)
    result = model.predict(input_data if typed else untyped(input_data), params=params)
    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, pd.DataFrame | pd.Series):
        return pd.DataFrame(result).to_dict(orient="records")
    return result
