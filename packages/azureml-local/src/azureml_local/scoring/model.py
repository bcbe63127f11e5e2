"""An MLflow model, loaded by the shortest way that gives the same predictions.

``mlflow.pyfunc.load_model`` imports all of MLflow, which takes longer than everything else a scorer
does at its start. A scikit-learn model needs none of it: the file MLmodel says where the pickle or
skops file is and what columns of which types it takes. Any other flavor goes through pyfunc.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class InvalidInput(Exception):
    """The rows are not what the model takes; the message says in what."""


@dataclass(frozen=True)
class Column:
    """One column of a model's signature; ``type`` in MLflow's words: double, long, string."""

    name: str
    type: str
    required: bool


NUMBERS = {
    "double": "float64",
    "float": "float32",
    "long": "int64",
    "integer": "int32",
    "boolean": "bool",
}
PLAIN = (
    "sklearn.linear_model.",
    "sklearn.tree.",
    "sklearn.svm.",
    "sklearn.naive_bayes",
    "sklearn.discriminant_analysis",
    "sklearn.ensemble._forest",
)
"""Modules of estimators that do with a data frame's values what they do with an array."""
NULLABLE = {"long": "Int64", "integer": "Int32", "boolean": "boolean"}


class ScoringModel:
    """A loaded model with its signature."""

    def __init__(self, folder: Path) -> None:
        """Load the model.

        Args:
            folder: what was registered; MLmodel lies in it or in one folder below.

        Raises:
            FileNotFoundError: it holds no MLmodel.
        """
        found = sorted(folder.rglob("MLmodel"), key=lambda path: len(path.parts))
        if not found:
            raise FileNotFoundError(f"no MLmodel in {folder.name}: not an MLflow model")
        self._folder = found[0].parent
        description = yaml.safe_load(found[0].read_text(encoding="utf-8"))
        self.columns = _columns(description)
        self._predict = _loaded(self._folder, description)
        self._doubles = all(column.type == "double" for column in self.columns)
        self._arrays = self._doubles and _takes_arrays(self._predict, self.names)
        self._index: Any = None

    @property
    def names(self) -> list[str]:
        """The columns' names in the signature's order; empty without a signature by name."""
        return [column.name for column in self.columns]

    def frame(self, columns: list[str] | None, rows: list[list[Any]]) -> Any:
        """Rows as the data frame that the model takes.

        Args:
            columns: the names of the rows' values; None: they are in the signature's order.
            rows: the values.

        Raises:
            InvalidInput: a column is missing or superfluous by number, or a value has another type.
        """
        import pandas as pd

        if columns is None and self.columns:
            widths = {len(row) for row in rows}
            if widths - {len(self.columns)}:
                raise InvalidInput(
                    f"rows of {', '.join(map(str, sorted(widths)))} values; the model takes "
                    f"{len(self.columns)}: {', '.join(self.names)}"
                )
            columns = self.names
        try:
            given = pd.DataFrame(rows, columns=columns)
        except ValueError as error:
            raise InvalidInput(str(error)) from None
        return self.enforced(given)

    def enforced(self, given: Any) -> Any:
        """A data frame with the signature's columns, in its order and of its types.

        Raises:
            InvalidInput: a column is missing, or a value cannot be of its type.
        """
        if not self.columns:
            return given
        missing = [c.name for c in self.columns if c.required and c.name not in given.columns]
        if missing:
            raise InvalidInput(f"the model's columns {', '.join(missing)} are missing")
        present = [column for column in self.columns if column.name in given.columns]
        frame = given[[column.name for column in present]].copy()
        for column in present:
            wanted = NUMBERS.get(column.type)
            if wanted is None:
                continue
            values = frame[column.name]
            try:
                if wanted.startswith("float"):
                    frame[column.name] = values.astype(wanted)
                    continue
                converted = values.astype(NULLABLE[column.type])
                frame[column.name] = converted.astype(wanted)
            except (ValueError, TypeError):
                raise InvalidInput(
                    f"column {column.name} holds values that are no {column.type}"
                ) from None
        return frame

    def predict_rows(self, columns: list[str] | None, rows: list[list[Any]]) -> list[Any]:
        """One prediction a row; see :meth:`frame`."""
        frame = self._floats(columns, rows)
        return self.predict(self.frame(columns, rows) if frame is None else frame)

    def _floats(self, columns: list[str] | None, rows: list[list[Any]]) -> Any:
        """The frame of a model that takes nothing but doubles, by the short way.

        A frame made column by column takes longer than most models need for a row. None where the
        rows are not plainly what the model takes: the long way then says what is wrong with them.
        """
        if not self._doubles or not self.names:
            return None
        import numpy as np

        if columns is None or columns == self.names:
            wanted = None
        elif len(set(columns)) == len(columns) and set(self.names) <= set(columns):
            wanted = [columns.index(name) for name in self.names]
        else:
            return None
        try:
            values = np.array(rows, dtype=np.float64)
        except (ValueError, TypeError):
            return None
        width = len(self.names if columns is None else columns)
        if values.ndim != 2 or values.shape[1] != width:
            return None
        if wanted is not None:
            values = values[:, wanted]
        if self._arrays:
            return values
        import pandas as pd

        if self._index is None:
            self._index = pd.Index(self.names)
        return pd.DataFrame(values, columns=self._index, copy=False)

    def predict(self, frame: Any) -> list[Any]:
        """One prediction a row, as JSON can hold it."""
        given = frame.to_numpy() if self._arrays and hasattr(frame, "to_numpy") else frame
        found = self._predict(given)
        values = found.to_numpy() if hasattr(found, "to_numpy") else found
        result = values.tolist() if hasattr(values, "tolist") else list(values)
        return list(result)


def _takes_arrays(predict: Any, names: list[str]) -> bool:
    """Whether a model gives the same for an array as for a data frame, several times as fast.

    So do scikit-learn's plain estimators that were fitted with the signature's columns in its
    order. This copy of one forgets the columns' names, or it would warn at each call.
    """
    estimator = getattr(predict, "__self__", None)
    fitted = getattr(estimator, "feature_names_in_", None)
    if not type(estimator).__module__.startswith(PLAIN) or fitted is None:
        return False
    if list(fitted) != names:
        return False
    del estimator.feature_names_in_  # type: ignore[union-attr]
    return True


def _columns(description: dict[str, Any]) -> list[Column]:
    inputs = json.loads((description.get("signature") or {}).get("inputs") or "[]")
    return [
        Column(entry["name"], entry["type"], entry.get("required", True))
        for entry in inputs
        if entry.get("type") != "tensor" and "name" in entry
    ]


def _loaded(folder: Path, description: dict[str, Any]) -> Any:
    """The function that predicts."""
    flavors = description.get("flavors", {})
    sklearn = flavors.get("sklearn")
    method = flavors.get("python_function", {}).get("predict_fn", "predict")
    if sklearn is None or method != "predict":
        return _pyfunc(folder)
    file = folder / sklearn["pickled_model"]
    form = sklearn.get("serialization_format")
    if form in ("pickle", "cloudpickle"):
        import cloudpickle

        with file.open("rb") as source:
            return cloudpickle.load(source).predict
    if form == "skops":
        import skops.io

        trusted = sklearn.get("skops_trusted_types") or []
        return skops.io.load(file, trusted=trusted).predict
    return _pyfunc(folder)


def _pyfunc(folder: Path) -> Any:
    import mlflow

    return mlflow.pyfunc.load_model(str(folder)).predict
