"""Predictions of the held-out rows: files of a job, and both models' predictions of the same rows.

Labels and predictions keep their own values. Where classes are compared, ``1``, ``1.0`` and
``True`` are the same class: a model may predict another type than its label has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbrelease.errors import SettingsError
from nbrelease.quality.values import format_value
from nbrelease.records.published import Importance

FILE, FACTS = "predictions.parquet", "evaluation.json"


@dataclass(frozen=True)
class Scores:
    """Predictions of shape (rows,), and probabilities of shape (rows, classes) or None."""

    prediction: NDArray[Any]
    probability: NDArray[np.float64] | None = None

    def select(self, rows: NDArray[Any]) -> Scores:
        """The scores of some rows, by a mask or by positions."""
        probability = None if self.probability is None else self.probability[rows]
        return Scores(self.prediction[rows], probability)


class Evaluation(BaseModel):
    """``evaluation.json``: facts about a job's predictions."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    task: str
    label: str
    classes: list[Any] = Field(default_factory=list)
    positive: str | None = None
    rows: int
    train_rows: int | None = None
    overlap: int | None = None
    importance: list[Importance] | None = None
    importance_metric: str | None = None
    importance_reason: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class ScoredRows:
    """The label of each row and one model's scores.

    ``classes`` are in the order of the probabilities; empty where the label has none.
    ``positive`` is the text of the positive one of two classes.
    """

    label: NDArray[Any]
    scores: Scores
    classes: tuple[Any, ...] = ()
    positive: str | None = None
    evaluation: Evaluation | None = None

    @cached_property
    def codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The positions in ``classes`` of the labels and of the predictions."""
        return encode(self.label, self.classes), encode(self.scores.prediction, self.classes)

    @cached_property
    def numbers(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Labels and predictions as numbers.

        Raises:
            SettingsError: they are not numbers.
        """
        try:
            return self.label.astype(float), self.scores.prediction.astype(float)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"the label or the predictions are not numbers: {error}") from None

    @property
    def positive_code(self) -> int:
        """The position of the positive class; the second one where none is named.

        Raises:
            SettingsError: there is no such class.
        """
        names = [format_value(each) for each in self.classes]
        if self.positive is None and len(names) > 1:
            return 1
        if self.positive not in names:
            raise SettingsError(
                f"the positive class {self.positive or 'of two'} is not among the classes of the "
                f"label: {', '.join(names) or 'none'}"
            )
        return names.index(self.positive)


@dataclass(frozen=True)
class Predictions:
    """Both models' scores of the same rows; ``champion`` is None before the first release.

    ``classes`` are in the order of the probabilities; ``positive`` is the text of the positive one
    of two classes, by default the second.
    """

    label: NDArray[Any]
    challenger: Scores
    champion: Scores | None = None
    classes: tuple[Any, ...] = ()
    positive: str | None = None

    def select(self, rows: NDArray[Any]) -> Predictions:
        """The predictions of some rows, by a mask or by positions."""
        champion = None if self.champion is None else self.champion.select(rows)
        return replace(
            self, label=self.label[rows], challenger=self.challenger.select(rows), champion=champion
        )

    def scored_rows(self, *, classify: bool) -> tuple[ScoredRows, ScoredRows | None]:
        """Challenger and champion, each with its label.

        Args:
            classify: whether the label has classes. They are then the known ones and, after
                them, other values of the label and of the predictions.
        """
        both = (self.challenger,) if self.champion is None else (self.challenger, self.champion)
        classes: tuple[Any, ...] = ()
        if classify:
            values = [self.label, *(each.prediction for each in both)]
            classes = _complete(self.classes, values)
        rows = [
            ScoredRows(self.label, _pad(scores, len(classes)), classes, self.positive)
            for scores in both
        ]
        return rows[0], rows[1] if len(rows) > 1 else None


def read_evaluation(folder: Path) -> Evaluation:
    """Read ``evaluation.json`` of the folder ``evaluation`` that a job wrote.

    Raises:
        SettingsError: it is missing or has another form.
    """
    file = folder / FACTS
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"{folder}: has no {FACTS}; 02_train's job writes it") from None
    except ValidationError as error:
        raise SettingsError(f"{file}: {' '.join(str(error).split())}") from None


def read_predictions(path: Path | str) -> ScoredRows:
    """Read the folder ``evaluation`` that a job wrote.

    Args:
        path: the folder with ``predictions.parquet`` and ``evaluation.json``.

    Raises:
        SettingsError: a file is missing or has another form.
    """
    folder = Path(path)
    evaluation = read_evaluation(folder)
    if not (folder / FILE).is_file():
        raise SettingsError(f"{folder}: has no {FILE}; 02_train's job writes it")
    table = pd.read_parquet(folder / FILE)
    names = [f"probability_{number}" for number in range(len(evaluation.classes))]
    known = [name for name in names if name in table]
    if missing := {"label", "prediction"} - {*table} or (known and {*names} - {*known}):
        raise SettingsError(f"{folder / FILE}: has no column {', '.join(sorted(missing))}")
    if len(table) != evaluation.rows:
        raise SettingsError(
            f"{folder}: {FILE} has {len(table)} rows, {FACTS} has {evaluation.rows}"
        )
    probability = table[names].to_numpy(float) if known else None
    scores = Scores(table["prediction"].to_numpy(), probability)
    label, classes = table["label"].to_numpy(), tuple(evaluation.classes)
    return ScoredRows(label, scores, classes, evaluation.positive, evaluation)


def pair(challenger: ScoredRows, champion: ScoredRows | None) -> Predictions:
    """Both models' scores of the same rows.

    The champion's probabilities are put in the order of the challenger's classes. Classes that
    only the champion knows come last.

    Raises:
        SettingsError: they scored different rows.
    """
    if champion is None:
        return Predictions(
            challenger.label, challenger.scores, None, challenger.classes, challenger.positive
        )
    if len(challenger.label) != len(champion.label):
        raise SettingsError(
            f"challenger and champion scored different rows: {len(challenger.label)} and "
            f"{len(champion.label)}"
        )
    labels = pd.unique(challenger.label)
    different = encode(challenger.label, labels) != encode(champion.label, labels)
    if different.any():
        raise SettingsError(
            "challenger and champion scored different rows: their labels differ from row "
            f"{int(different.argmax())} on"
        )
    classes = _complete(challenger.classes, [np.array(champion.classes, dtype=object)])
    scores = champion.scores
    if scores.probability is not None:
        probability = np.zeros((len(champion.label), len(classes)))
        probability[:, encode(champion.classes, classes)] = scores.probability
        scores = replace(scores, probability=probability)
    own = _pad(challenger.scores, len(classes))
    return Predictions(challenger.label, own, scores, classes, challenger.positive)


def encode(
    values: Sequence[Any] | NDArray[Any], classes: Sequence[Any] | NDArray[Any]
) -> NDArray[np.intp]:
    """The position of each value in ``classes``; -1 for other values."""
    positions: dict[Any, int] = {}
    for number, each in enumerate(classes):
        positions |= {format_value(each): number, each: number}
    array = np.asarray(values) if len(values) else np.empty(0, dtype=object)
    codes, distinct = pd.factorize(array, use_na_sentinel=False)
    lookup = [positions.get(x, positions.get(format_value(x), -1)) for x in distinct.tolist()]
    return np.array(lookup, dtype=np.intp)[codes]


def _complete(classes: Sequence[Any], values: Iterable[NDArray[Any]]) -> tuple[Any, ...]:
    """The classes, and after them other values in sorted order."""
    other: dict[str, Any] = {}
    for array in values:
        distinct = pd.unique(array)
        unknown = encode(distinct, classes) < 0
        other |= {format_value(each): each for each in distinct[unknown].tolist()}
    try:
        return (*classes, *sorted(other.values()))
    except TypeError:  # values of several types
        return (*classes, *(other[name] for name in sorted(other)))


def _pad(scores: Scores, classes: int) -> Scores:
    """The scores with a probability of zero for classes that the model does not know."""
    probability = scores.probability
    if probability is None or probability.shape[1] >= classes:
        return scores
    zeros = np.zeros((len(probability), classes - probability.shape[1]))
    return replace(scores, probability=np.hstack([probability, zeros]))
