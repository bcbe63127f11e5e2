"""The models of the comparison, each saved with MLflow, and the columns that requests name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)) * 10, columns=["a", "b"])
LABEL = (ROWS["b"] > 0).astype(int)


def schema(**columns: str) -> ModelSignature:
    return ModelSignature(Schema([ColSpec(kind, name) for name, kind in columns.items()]))


def linear(names=("a", "b")):
    return LinearRegression().fit(ROWS.set_axis(list(names), axis=1), ROWS["a"])


def python_model(result: Callable):
    """A model whose predictions are a function of its input; the class is pickled by value."""

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return result(model_input, params)

    return Model()


def dated():
    frame = pd.DataFrame(
        {"a": pd.to_datetime(["2022-01-05", "2022-06-07", "2022-09-07"]), "b": [1.0, 2.0, 5.0]}
    )
    month = FunctionTransformer(lambda f: np.c_[f["a"].dt.month, f["b"]])
    return make_pipeline(month, LinearRegression()).fit(frame, [1, 6, 9])


def encoded():
    frame = pd.DataFrame({"a": ["NA", "01234", "x"] * 4, "b": np.arange(12.0)})
    encoder = ColumnTransformer(
        [("a", OneHotEncoder(handle_unknown="ignore"), ["a"])], remainder="passthrough"
    )
    return make_pipeline(encoder, LinearRegression()).fit(frame, np.arange(12.0))


FRAME = {"a": "double", "b": "double"}
TENSOR = ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 2))]))
NAMED_TENSORS = ModelSignature(
    Schema([TensorSpec(np.dtype("float64"), (-1, 1), name) for name in ("a", "b")])
)
OPTIONAL = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b", required=False)]))
PARAMS = ModelSignature(
    Schema([ColSpec("double", "a"), ColSpec("double", "b")]),
    params=ParamSchema([ParamSpec("p", "long", 2)]),
)

# Name: model, signature, input example.
MODELS = {
    "linear": (linear, infer_signature(ROWS, [1.0]), None),
    "logistic-example": (
        lambda: LogisticRegression().fit(ROWS, LABEL), infer_signature(ROWS, [1]), ROWS.head(2),
    ),
    "forest": (
        lambda: RandomForestClassifier(5, random_state=0).fit(ROWS, LABEL), schema(**FRAME), None,
    ),
    "date-names": (lambda: linear(("date", "b")), schema(date="double", b="double"), None),
    "long": (linear, schema(a="long", b="double"), None),
    "integer-float": (linear, schema(a="integer", b="float"), None),
    "boolean": (linear, schema(a="boolean", b="double"), None),
    "text": (encoded, schema(a="string", b="double"), None),
    "dates": (dated, schema(a="datetime", b="double"), None),
    "optional": (
        lambda: python_model(lambda f, p: [list(f.columns)] * len(f)), OPTIONAL, None,
    ),
    "no-signature": (lambda: LinearRegression().fit(ROWS.to_numpy(), LABEL), None, None),
    "tensor": (lambda: LinearRegression().fit(ROWS.to_numpy(), LABEL), TENSOR, None),
    "named-tensors": (
        lambda: python_model(lambda d, p: (d["a"] + d["b"]).tolist()), NAMED_TENSORS, None,
    ),
    "frame-result": (
        lambda: python_model(lambda f, p: f.assign(label="x")), schema(**FRAME), None,
    ),
    "series-result": (lambda: python_model(lambda f, p: f["a"] * 2), schema(**FRAME), None),
    "dict-result": (
        lambda: python_model(lambda f, p: {"n": len(f), "a": f["a"].tolist()}), schema(**FRAME), None,
    ),
    "array-in-dict": (
        lambda: python_model(lambda f, p: {"a": f["a"].to_numpy()}), schema(**FRAME), None,
    ),
    "params": (lambda: python_model(lambda f, p: [p["p"]] * len(f)), PARAMS, None),
    "mixed-example": (
        lambda: python_model(lambda f, p: [str(kind) for kind in f.dtypes]),
        schema(a="string", b="double"), pd.DataFrame({"a": ["x"], "b": [1.5]}),
    ),
    "number-names": (
        lambda: LinearRegression().fit(ROWS.to_numpy(), LABEL),
        ModelSignature(Schema([ColSpec("double", "0"), ColSpec("double", "1")])), None,
    ),
}  # fmt: skip


def save(name: str, folder: Path) -> list[str]:
    """Save a model; returns the columns for requests."""
    make, signature, example = MODELS[name]
    model = make()
    options = {"signature": signature, "pip_requirements": [], "input_example": example}
    if isinstance(model, mlflow.pyfunc.PythonModel):
        mlflow.pyfunc.save_model(str(folder), python_model=model, **options)
    else:
        mlflow.sklearn.save_model(model, str(folder), serialization_format="cloudpickle", **options)
    if signature is None or signature.inputs.is_tensor_spec():
        return ["a", "b"]
    return [str(each) for each in signature.inputs.input_names()]
