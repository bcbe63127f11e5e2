"""A registered MLflow model: its description in ``MLmodel``, and its ``predict``.

``mlflow.pyfunc.load_model`` imports all of MLflow, which takes longer than everything else in a
start. A scikit-learn model whose signature has only columns of scalar types is loaded without
MLflow; what MLflow does with such input is little and is done here. Other models go through pyfunc.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from typing import TypeAlias


class InvalidInput(Exception):
    """The input does not match the model's signature."""


@dataclass(frozen=True)
class Column:
    """One column of a model's signature; ``type`` is MLflow's name: double, long, string."""

    name: str
    type: str
    required: bool


PANDAS_TYPES = {
    "double": "float64",
    "float": "float32",
    "long": "int64",
    "integer": "int32",
    "boolean": "bool",
    "string": "object",
    "binary": "object",
    "datetime": "datetime64[ns]",
}
"""MLflow's ``DataType.to_pandas``."""
SKLEARN_TYPES = frozenset(PANDAS_TYPES) - {"binary"}
PLAIN_ESTIMATORS = (
    "sklearn.linear_model.",
    "sklearn.tree.",
    "sklearn.svm.",
    "sklearn.naive_bayes",
    "sklearn.discriminant_analysis",
    "sklearn.ensemble._forest",
)
"""Modules of estimators that predict the same for an array as for a data frame."""
Predict: TypeAlias = "Callable[..., Any]"
"""``predict(data, params)``."""


class FlavorSettings(TypedDict, total=False):
    """The settings of a flavor that are read here."""

    code: str
    predict_fn: str
    pickled_model: str
    serialization_format: str
    skops_trusted_types: list[str]


class TensorSpec(TypedDict):
    """The type of a tensor; its first dimension may be -1: any size."""

    dtype: str
    shape: list[int]


SignatureField = TypedDict(
    "SignatureField",
    {"name": str, "type": str, "required": bool, "tensor-spec": TensorSpec},
    total=False,
)
"""A column or a tensor of a signature."""


class ParameterField(TypedDict, total=False):
    """A parameter of ``predict``; older models have ``dtype`` instead of ``type``."""

    name: str
    type: str
    dtype: str
    default: object


class ExampleInfo(TypedDict):
    """The file and the type of an input example."""

    artifact_path: str
    type: str


@dataclass(frozen=True)
class Description:
    """What ``MLmodel`` says about a model.

    Attributes:
        folder: that has the file.
        flavors: the settings of each flavor.
        inputs: the input schema's fields; None without a signature.
        outputs: the output schema's fields; None without one.
        params: the schema of the parameters of ``predict``.
        example: the file and the type of the input example; None without one.
    """

    folder: Path
    flavors: dict[str, FlavorSettings]
    inputs: list[SignatureField] | None
    outputs: list[SignatureField] | None
    params: list[ParameterField] | None
    example: ExampleInfo | None

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read the description of a registered model.

        Args:
            folder: of the registered version; ``MLmodel`` is in it or below.

        Raises:
            FileNotFoundError: there is no ``MLmodel``.
        """
        import yaml  # a script in its own environment may not have it

        files = sorted(folder.rglob("MLmodel"), key=lambda path: len(path.parts))
        if not files:
            raise FileNotFoundError(f"no MLmodel in {folder.name}: not an MLflow model")
        content = yaml.safe_load(files[0].read_text(encoding="utf-8"))
        signature = content.get("signature") or {}
        inputs, outputs, params = (
            json.loads(signature.get(name) or "null") for name in ("inputs", "outputs", "params")
        )
        flavors = content.get("flavors") or {}
        example = content.get("saved_input_example_info")
        return cls(files[0].parent, flavors, inputs, outputs, params, example)

    @property
    def columns(self) -> list[Column]:
        """The columns of the input schema; empty without a signature of named scalar columns."""
        if not self.inputs or any(
            each.get("type") not in PANDAS_TYPES or "name" not in each for each in self.inputs
        ):
            return []
        return [
            Column(each["name"], each["type"], each.get("required", True)) for each in self.inputs
        ]

    @property
    def predict_method(self) -> str:
        """The name of the flavor's prediction method."""
        return str(self.flavors.get("python_function", {}).get("predict_fn", "predict"))

    @property
    def is_plain_sklearn(self) -> bool:
        """Whether scikit-learn alone can serve the model as MLflow does."""
        sklearn = self.flavors.get("sklearn")
        form = (sklearn or {}).get("serialization_format")
        scalar = {column.type for column in self.columns} <= SKLEARN_TYPES
        return (
            form in ("pickle", "cloudpickle", "skops")
            and self.predict_method == "predict"
            and not self.params
            and not self.flavors.get("python_function", {}).get("code")
            and (not self.inputs or bool(self.columns))
            and scalar
        )

    def load_estimator(self) -> Any:
        """The scikit-learn estimator of a plain model."""
        sklearn = self.flavors["sklearn"]
        file = self.folder / sklearn["pickled_model"]
        if sklearn["serialization_format"] == "skops":
            import skops.io

            return skops.io.load(file, trusted=sklearn.get("skops_trusted_types") or [])
        import cloudpickle

        with file.open("rb") as source:
            return cloudpickle.load(source)

    def load_pyfunc(self) -> Predict:
        """``predict`` of the model, loaded with MLflow."""
        import mlflow

        predict: Predict = mlflow.pyfunc.load_model(str(self.folder)).predict

        def checked(data: Any, params: Any = None) -> Any:
            try:
                return predict(data, params=params)
            except mlflow.MlflowException as error:
                if error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                    raise InvalidInput(str(error)) from error
                raise

        return checked


def accepts_arrays(columns: list[Column], estimator: Any) -> bool:
    """Whether an estimator predicts the same for an array of doubles as for a data frame."""
    fitted = getattr(estimator, "feature_names_in_", None)
    return (
        fitted is not None
        and list(fitted) == [column.name for column in columns]
        and all(column.type == "double" for column in columns)
        and type(estimator).__module__.startswith(PLAIN_ESTIMATORS)
    )


def sklearn_predict(columns: list[Column], estimator: Any) -> Predict:
    """``predict`` of an estimator, with MLflow's check of the columns; none: no check.

    An estimator that accepts arrays gets them, which is several times faster.
    """
    arrays = bool(columns) and accepts_arrays(columns, estimator)
    if arrays:
        del estimator.feature_names_in_  # it would warn at each array

    def predict(data: Any, params: Any = None) -> Any:
        if columns and hasattr(data, "columns"):
            missing = [c.name for c in columns if c.required and c.name not in data.columns]
            if missing:
                raise InvalidInput(f"missing columns: {', '.join(map(str, missing))}")
            data = data[[column.name for column in columns if column.name in data.columns]]
            data = data.to_numpy() if arrays else data
        return estimator.predict(data)

    return predict


def to_json_value(result: Any) -> Any:
    """A prediction as MLflow's scoring server serializes it; a data frame is a list of records."""
    import numpy as np
    import pandas as pd

    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, (pd.DataFrame, pd.Series)):
        return pd.DataFrame(result).to_dict(orient="records")
    return result
