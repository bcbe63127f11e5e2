"""A model as its endpoints serve it: predictions through the signature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .settings import CLASSIFICATION, EvaluationError


class Scores(NamedTuple):
    """Predictions of shape (rows,), and probabilities of shape (rows, classes) or None.

    ``answer``: what an endpoint of the model answers, where that is not the prediction.
    """

    prediction: NDArray[Any]
    probability: NDArray[np.float64] | None = None
    answer: NDArray[Any] | None = None


class EvaluatedModel:
    """An MLflow model that predicts rows as its endpoints do, through its signature.

    ``columns`` and ``text_columns`` are those of the signature; ``classes`` those of a classifier
    whose flavor knows them.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self._model = mlflow.pyfunc.load_model(str(folder))
        schema = self._model.metadata.get_input_schema()
        if schema is None:
            raise EvaluationError("the model has no signature: log it with signature=...")
        self.columns: list[str] = schema.input_names() if schema.has_input_names() else []
        self.text_columns = {
            column.name
            for column in schema.inputs
            if self.columns and getattr(column.type, "name", "") == "string"
        }
        self._classifier = None
        if task in CLASSIFICATION:
            native = self._native_model()
            self.classes = plain_values(getattr(native, "classes_", ()))
            if self.classes and hasattr(native, "predict_proba"):
                self._classifier = native

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The columns of the signature, in its order."""
        if missing := [name for name in self.columns if name not in rows]:
            raise EvaluationError(
                f"the held-out rows lack {', '.join(missing)}, which the model needs; they have "
                f"{', '.join(map(str, rows.columns))}"
            )
        return rows[self.columns] if self.columns else rows

    def score(self, features: pd.DataFrame, classes: Sequence[Any] = ()) -> Scores:
        """Predict rows.

        Args:
            features: as :meth:`features` returns them.
            classes: of a classifier, in order; empty for numbers.
        """
        predicted = self._predict(features)
        if self._classifier is not None:
            return Scores(predicted, np.asarray(self._classifier.predict_proba(features), float))
        if not classes:
            if predicted.ndim > 1:
                raise EvaluationError(
                    f"the model returns {predicted.shape[1]} values per row, not one"
                )
            return Scores(predicted)
        if predicted.ndim == 1 and set(plain_values(np.unique(predicted))) <= set(classes):
            return Scores(predicted)
        probability = _read_probability(predicted, len(classes))
        best = np.asarray(classes)[probability.argmax(axis=1)]
        return Scores(best, probability, predicted)

    def _native_model(self) -> Any:
        try:
            return self._model.get_raw_model()
        except (AttributeError, NotImplementedError, mlflow.MlflowException):
            return None  # a flavor without a native object: its predictions are all there is

    def _predict(self, features: pd.DataFrame) -> NDArray[Any]:
        answer = self._model.predict(features)
        if isinstance(answer, pd.DataFrame):
            names = [str(name) for name in answer]
            if len(names) > 1 and "prediction" not in names:
                raise EvaluationError(
                    f"the model returns the columns {', '.join(names)}: name one of them prediction"
                )
            answer = answer["prediction" if "prediction" in names else answer.columns[0]]
        values = np.asarray(answer)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if len(values) != len(features):
            raise EvaluationError(
                f"the model returns {len(values)} predictions for {len(features)} rows"
            )
        return values


def find_model(folder: Path) -> Path:
    """The model folder in a downloaded or mounted folder."""
    file = next(iter(sorted(folder.rglob("MLmodel"))), None)
    if file is None:
        raise EvaluationError(f"{folder.name} has no MLmodel: it is not an MLflow model")
    return file.parent


def plain_values(values: Any) -> list[Any]:
    """As Python's own types."""
    return np.asarray(values).tolist() if values is not None else []


def _read_probability(predicted: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """Probabilities of a model whose predictions are probabilities, as a booster's are."""
    values = np.asarray(predicted)
    if values.ndim == 1 and classes == 2 and np.issubdtype(values.dtype, np.floating):
        values = np.column_stack([1 - values, values])
    if (
        values.ndim != 2
        or values.shape[1] != classes
        or not np.issubdtype(values.dtype, np.number)
        or values.min() < 0
        or values.max() > 1
    ):
        raise EvaluationError(
            "the model predicts neither values of the label nor a probability for each of its "
            f"{classes} classes; see task in settings.ini"
        )
    return values.astype(float)
