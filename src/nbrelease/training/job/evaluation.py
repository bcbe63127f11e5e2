"""Predictions of the held-out rows and facts about them, as a job stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .model import EvaluatedModel, plain_values
from .settings import CLASSIFICATION, EvaluationError, Settings


@dataclass(frozen=True)
class Evaluation:
    """Predictions of a model and facts about them, as they are stored."""

    predictions: pd.DataFrame
    facts: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write ``predictions.parquet`` and ``evaluation.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.predictions.to_parquet(folder / "predictions.parquet", index=False)
        text = json.dumps(self.facts, indent=2, ensure_ascii=False, default=str)
        (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")


def evaluate_model(model: EvaluatedModel, held_out: pd.DataFrame, settings: Settings) -> Evaluation:
    """Predict the held-out rows.

    Raises:
        EvaluationError: label or classes are not what the task needs.
    """
    label = read_label(held_out, settings)
    classes = find_classes(model, label, settings)
    features = model.features(held_out.drop(columns=settings.label_column))
    scores = model.score(features, classes)
    predictions = pd.DataFrame({"label": label, "prediction": scores.prediction})
    if scores.probability is not None:
        for number in range(len(classes)):
            predictions[f"probability_{number}"] = scores.probability[:, number]
    if scores.answer is not None:
        predictions["answer"] = scores.answer.tolist()
    return Evaluation(
        predictions,
        {
            "task": settings.task,
            "label": settings.label_column,
            "classes": classes,
            "positive": find_positive(classes, settings),
            "rows": len(held_out),
            "packages": list_packages(),
        },
    )


def read_label(held_out: pd.DataFrame, settings: Settings) -> NDArray[Any]:
    """The label of each held-out row.

    Raises:
        EvaluationError: there is no such column, no row, or a row without a label.
    """
    name = settings.label_column
    if name not in held_out:
        columns = ", ".join(map(str, held_out.columns))
        raise EvaluationError(
            f"the held-out rows have no column {name} (label_column in settings.ini); they have "
            f"{columns}"
        )
    if held_out.empty:
        raise EvaluationError("there are no held-out rows")
    if missing := int(held_out[name].isna().sum()):
        raise EvaluationError(f"{missing} held-out rows have no label ({name})")
    return held_out[name].to_numpy()


def find_classes(model: EvaluatedModel, label: NDArray[Any], settings: Settings) -> list[Any]:
    """The classes in the model's order, or the sorted labels; empty where the task has none."""
    if settings.task not in CLASSIFICATION:
        return []
    return model.classes or plain_values(np.unique(label))


def find_positive(classes: Sequence[Any], settings: Settings) -> str | None:
    """The positive class of a binary task; None for the others.

    Raises:
        EvaluationError: not two classes, or the one of the settings is not among them.
    """
    if settings.task != "binary":
        return None
    names = [str(each) for each in classes]
    if len(names) != 2:
        raise EvaluationError(
            f"task = binary needs a label with two values; {settings.label_column} has "
            f"{len(names)}: {', '.join(names[:5])}; see task in settings.ini"
        )
    if settings.positive_class and settings.positive_class not in names:
        raise EvaluationError(
            f"positive_class = {settings.positive_class} in settings.ini is not a value of "
            f"{settings.label_column}; it has {' and '.join(names)}"
        )
    return settings.positive_class or names[1]


def list_packages() -> dict[str, str]:
    """The name and version of each installed package."""
    files = (each.metadata for each in metadata.distributions())  # each access parses the file
    versions = {file["Name"]: file["Version"] for file in files}
    return dict(sorted(versions.items(), key=lambda item: str(item[0]).lower()))
