"""Models of each task on data with columns of each kind, and shifts of that data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

ROWS = 6000
DATA = Path(__file__).parents[1] / "data" / "diabetes-sample.csv"
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class TaskSample:
    """Rows with a column ``label``, how to make a model for them, and shifts.

    ``shifts`` change the rows before they are predicted, ``prediction_shifts`` after that.
    """

    rows: pd.DataFrame
    make_model: Callable[[int], Any]
    shifts: dict[str, Change]
    prediction_shifts: dict[str, Change] = field(default_factory=dict)


def move(column: str, deviations: float) -> Change:
    """Add a number of standard deviations to each value."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column] + deviations * rows[column].std()}
    )


def scale(column: str, factor: float) -> Change:
    """Scale the values around their mean."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column].mean() + factor * (rows[column] - rows[column].mean())}
    )


def remove_range(column: str, low: float, high: float) -> Change:
    """Remove the rows with a value in this range."""
    return lambda rows, draw: rows[~rows[column].between(low, high)]


def remove_values(column: str, share: float) -> Change:
    """Remove the values of a share of the rows."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column].where(draw.random(len(rows)) >= share)}
    )


def replace_values(column: str, values: Sequence[Any], share: float) -> Change:
    """Replace the values of a share of the rows by random ones of these."""
    return lambda rows, draw: rows.assign(
        **{
            column: rows[column].where(
                draw.random(len(rows)) >= share, draw.choice(np.array(values), len(rows))
            )
        }
    )


def keep_values(column: str, values: Sequence[Any]) -> Change:
    """Keep only the rows with one of these values."""
    return lambda rows, draw: rows[rows[column].isin(list(values))]


def flip_labels(share: float) -> Change:
    """Flip the true label, 0 or 1, of a share of the rows."""
    return lambda rows, draw: rows.assign(
        label=rows["label"].where(draw.random(len(rows)) >= share, 1 - rows["label"])
    )


def make_tasks(data: Path = DATA) -> dict[str, TaskSample]:
    """The sample of each task; ``data`` is that of the binary one."""
    draw = np.random.default_rng(0)
    return {
        "binary": _make_binary(data),
        "multiclass": _make_multiclass(draw),
        "regression": _make_regression(draw),
        "text": _make_text(draw),
        "forecasting": _make_forecasting(draw),
    }


def _make_binary(data: Path) -> TaskSample:
    rows = pd.read_csv(data).drop(columns="PatientID").rename(columns={"Diabetic": "label"})
    medians = rows.drop(columns="label").median()

    def make_model(seed: int) -> Any:
        forest = RandomForestClassifier(n_estimators=50, min_samples_leaf=5, random_state=seed)
        return _Filled(forest, medians)

    shifts = {
        "PlasmaGlucose +0.3 sd": move("PlasmaGlucose", 0.3),
        "BMI -0.4 sd": move("BMI", -0.4),
        "Age +0.5 sd": move("Age", 0.5),
        "DiastolicBloodPressure +1 sd": move("DiastolicBloodPressure", 1.0),
        "SerumInsulin x 1.6": scale("SerumInsulin", 1.6),
        "BMI x 1.5": scale("BMI", 1.5),
        "TricepsThickness x 2": scale("TricepsThickness", 2.0),
        "PlasmaGlucose x 0.5": scale("PlasmaGlucose", 0.5),
        "no Pregnancies 0": remove_range("Pregnancies", 0, 0),
        "no Age under 25": remove_range("Age", 0, 24),
        "no Age over 40": remove_range("Age", 41, 200),
        "no Pregnancies from 6": remove_range("Pregnancies", 6, 99),
        "SerumInsulin 6 % missing": remove_values("SerumInsulin", 0.06),
        "Age 10 % missing": remove_values("Age", 0.10),
        "BMI 20 % missing": remove_values("BMI", 0.20),
        "PlasmaGlucose all missing": remove_values("PlasmaGlucose", 1.0),
        "labels 12 % flipped": flip_labels(0.12),
        "labels 15 % flipped": flip_labels(0.15),
        "labels 20 % flipped": flip_labels(0.20),
        "labels 30 % flipped": flip_labels(0.30),
    }
    return TaskSample(rows, make_model, shifts)


def _make_multiclass(draw: np.random.Generator) -> TaskSample:
    countries = np.array(["DE", "FR", "IT", "PL", "NA"])
    rows = pd.DataFrame(
        {
            "amount": draw.gamma(2, 30, ROWS),
            "country": draw.choice(countries, ROWS, p=[0.4, 0.2, 0.2, 0.15, 0.05]),
            "member": draw.random(ROWS) < 0.3,
            "items": draw.integers(1, 30, ROWS),
        }
    )
    score = rows["amount"] / 40 + rows["member"] + rows["items"] / 20 + draw.normal(0, 0.3, ROWS)
    rows["label"] = pd.cut(score, [-9, 2, 4, 99], labels=["bronze", "silver", "gold"]).astype(str)
    shifts = {
        "amount +0.4 sd": move("amount", 0.4),
        "amount x 2": scale("amount", 2.0),
        "items from 20 only": remove_range("items", 0, 19),
        "country 30 % PL": replace_values("country", ["PL"], 0.3),
        "country 10 % unknown": replace_values("country", ["US", "CN"], 0.1),
        "no country DE": keep_values("country", countries[1:]),
        "member always": keep_values("member", [True]),
        "country 5 % missing": remove_values("country", 0.05),
        "labels 20 % wrong": replace_values("label", ["bronze", "silver", "gold"], 0.3),
    }
    prediction_shifts = {
        "20 % of the predictions gold": replace_values("prediction", ["gold"], 0.2),
        "no prediction bronze": replace_values("prediction", ["silver", "gold"], 1.0),
    }
    return TaskSample(
        rows, lambda seed: _tabular(RandomForestClassifier, seed), shifts,
        prediction_shifts,
    )  # fmt: skip


def _make_regression(draw: np.random.Generator) -> TaskSample:
    weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    rows = pd.DataFrame(
        {
            "temperature": draw.normal(15, 8, ROWS),
            "humidity": draw.beta(5, 3, ROWS),
            "hour": draw.integers(0, 24, ROWS),
            "weekday": draw.choice(weekdays, ROWS),
            "holiday": draw.random(ROWS) < 0.1,
        }
    )
    rows["label"] = (
        20 + 6 * rows["temperature"].clip(0) + 40 * np.sin(rows["hour"] / 24 * np.pi)
        - 60 * rows["humidity"] + 15 * rows["holiday"] + draw.normal(0, 10, ROWS)
    )  # fmt: skip
    shifts = {
        "temperature +0.4 sd": move("temperature", 0.4),
        "temperature x 0.5": scale("temperature", 0.5),
        "humidity +0.5 sd": move("humidity", 0.5),
        "hours 0 to 11 only": remove_range("hour", 12, 23),
        "weekend only": keep_values("weekday", ["Sat", "Sun"]),
        "weekday 10 % unknown": replace_values("weekday", ["Feiertag"], 0.1),
        "holidays 40 %": replace_values("holiday", [True], 0.33),
        "humidity 5 % missing": remove_values("humidity", 0.05),
        "labels +0.3 sd": move("label", 0.3),
        "labels x 1.5": scale("label", 1.5),
    }
    prediction_shifts = {
        "predictions +0.4 sd": move("prediction", 0.4),
        "predictions +25 sd": move("prediction", 25),
        "predictions x 0.5": scale("prediction", 0.5),
    }
    return TaskSample(
        rows, lambda seed: _tabular(RandomForestRegressor, seed), shifts,
        prediction_shifts,
    )  # fmt: skip


def _make_text(draw: np.random.Generator) -> TaskSample:
    common, good, bad = ([f"{name}{n}" for n in range(300)] for name in ("word", "good", "bad"))
    positive = draw.random(ROWS) < 0.5
    weights = 1 / np.arange(1, 301)
    texts = []
    for label, size in zip(positive, draw.integers(6, 30, ROWS), strict=True):
        words = np.concatenate([common, good if label else bad])
        shares = np.concatenate([weights, weights * 0.3])
        texts.append(" ".join(draw.choice(words, size, p=shares / shares.sum())))
    rows = pd.DataFrame({"text": texts, "label": positive.astype(int)})

    def replace_words(share: float) -> Change:
        def replace(text: str, generator: np.random.Generator) -> str:
            words = text.split()
            new = generator.random(len(words)) < share
            return " ".join(f"neu{w}" if n else w for w, n in zip(words, new, strict=True))

        return lambda rows, draw: rows.assign(text=[replace(text, draw) for text in rows["text"]])

    def change_text(change: Callable[[str], str]) -> Change:
        return lambda rows, draw: rows.assign(text=rows["text"].map(change))

    shifts = {
        "texts twice as long": change_text(lambda text: f"{text} {text}"),
        "texts of at most 8 words": change_text(lambda text: " ".join(text.split()[:8])),
        "15 % of the words unknown": replace_words(0.15),
        "all words unknown": replace_words(1.0),
        "5 % of the texts missing": remove_values("text", 0.05),
        "positive texts only": keep_values("label", [1]),
        "labels 15 % flipped": flip_labels(0.15),
    }
    prediction_shifts = {"predictions all 1": replace_values("prediction", [1], 1.0)}
    return TaskSample(rows, lambda seed: _TextModel(seed), shifts, prediction_shifts)


def _make_forecasting(draw: np.random.Generator) -> TaskSample:
    days = pd.date_range("2020-01-01", periods=ROWS // 4)
    season = 100 + 20 * np.sin(2 * np.pi * np.arange(len(days)) / 365)
    level = season + draw.normal(0, 5, len(days))
    chosen = draw.integers(30, len(days) - 15, ROWS)
    horizon = draw.integers(1, 15, ROWS)
    rows = pd.DataFrame(
        {
            "day": days[chosen].astype(str),
            "horizon": horizon,
            "last_value": level[chosen],
            "last_week": [level[n - 7 : n].mean() for n in chosen],
            "weekday": days[chosen].day_name(),
            "label": level[chosen + horizon],
        }
    )
    shifts = {
        "level +0.5 sd": move("last_value", 0.5),
        "variance x 1.6": scale("last_value", 1.6),
        "last_week +0.5 sd": move("last_week", 0.5),
        "horizons from 8 only": remove_range("horizon", 1, 7),
        "no weekends": keep_values("weekday", ["Monday", "Tuesday", "Wednesday", "Thursday"]),
        "last_value 5 % missing": remove_values("last_value", 0.05),
        "labels +1 sd": move("label", 1.0),
        "labels x 2": scale("label", 2.0),
    }
    prediction_shifts = {
        "predictions +0.5 sd": move("prediction", 0.5),
        "predictions +25 sd": move("prediction", 25),
    }
    return TaskSample(
        rows, lambda seed: _tabular(RandomForestRegressor, seed), shifts,
        prediction_shifts,
    )  # fmt: skip


class _Filled:
    """A model that gets medians for missing values."""

    def __init__(self, model: Any, medians: pd.Series) -> None:
        self._model, self._medians = model, medians

    def fit(self, features: pd.DataFrame, label: pd.Series) -> _Filled:
        self._model.fit(features, label)
        return self

    def predict(self, features: pd.DataFrame) -> Any:
        return self._model.predict(features.fillna(self._medians))


class _TextModel:
    """Logistic regression on TF-IDF of the column ``text``; a missing text is empty."""

    def __init__(self, seed: int) -> None:
        self._model = make_pipeline(TfidfVectorizer(), LogisticRegression(random_state=seed))

    def fit(self, features: pd.DataFrame, label: pd.Series) -> _TextModel:
        self._model.fit(features["text"], label)
        return self

    def predict(self, features: pd.DataFrame) -> Any:
        return self._model.predict(features["text"].fillna(""))


def _tabular(forest: Callable[..., Any], seed: int) -> Any:
    """A model with its columns of texts encoded; unknown and missing values are -1."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    texts = make_column_transformer(
        (encoder, lambda rows: [name for name in rows if rows[name].dtype in (object, bool)]),
        remainder="passthrough",
    )
    return make_pipeline(texts, forest(n_estimators=20, min_samples_leaf=5, random_state=seed))
