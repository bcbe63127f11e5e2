"""Releases of models of each task: the values are those that the comparison and the gate measure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import packs
import pandas as pd

from nbrelease.quality import compare, gate
from nbrelease.quality.criteria import Criteria
from nbrelease.quality.fairness import measure_fairness
from nbrelease.quality.metrics.own import make_own_metric
from nbrelease.quality.predictions import Predictions, Scores

ROWS = 600


class TaskPack(packs.Pack):
    """A release of a model with other names than the example's."""

    def __init__(self, evidence: Path, asset: str, **identity: Any) -> None:
        self.asset, self.model = asset, f"{asset}-model"
        super().__init__(evidence, **{"parameters": {}, **identity})

    def release_model(self, values: dict[str, Any], gate_result: dict[str, Any]) -> Path:
        """Prepare, train, register, deploy and release; stop at a gate that failed."""
        self.rows = values["data_profile"]["rows"]
        self.prepare()
        self.train(**values)
        if gate_result["verdict"] == "failed":
            error = {"ename": "AssertionError", "evalue": "criteria are not met"}
            shown = {"output_type": "error", **error, "traceback": ["AssertionError"]}
            self.runbook(
                "03_register",
                [
                    packs.cell(
                        "test-the-gate", tags=["test"], state="failed", error=error, outputs=[shown]
                    )
                ],
                stage="register",
                values={"gate": gate_result},
                verdict="failed",
            )
            self.outcome(("train", "Succeeded"), ("register", "Failed"))
            return self.folder
        self.decide("approved", "Ada", "register", "as agreed")
        self.register(gate=gate_result)
        self.deploy()
        self.release()
        self.outcome(*((name, "Succeeded") for name in ("train", "register", "deploy", "release")))
        return self.folder


def measure(
    task: str,
    label: str,
    features: pd.DataFrame,
    predictions: Predictions,
    criteria: dict[str, Any],
    **options: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What runbooks 02 and 03 publish: comparison and fairness, and the gate."""
    checked = Criteria.model_validate(criteria)
    own = options.pop("own_metrics", ())
    comparison = compare.compare_models(
        predictions, task=task, version="3" if predictions.champion else None, features=features,
        criteria=checked, label_column=label, own_metrics=own, **options,
    )  # fmt: skip
    fairness = measure_fairness(predictions, features, checked, task=task, own_metrics=own)
    measurements = gate.Measurements(comparison=comparison, fairness=fairness)
    result = gate.decide_gate(
        gate.evaluate_criteria(checked, measurements), checked, commit="4f1d2c7be1a0"
    )
    values = {
        "comparison": comparison.model_dump(mode="json"),
        "fairness": fairness and fairness.model_dump(mode="json"),
        "metrics": {each.name: each.challenger for each in comparison.metrics[:2]},
    }
    return values, result.model_dump(mode="json")


def importance(names: list[str], size: float) -> list[dict[str, Any]]:
    return [
        {"feature": name, "mean": size / (2**number), "std": size / (8 + number)}
        for number, name in enumerate(names)
    ]


def profile(columns: list[dict[str, Any]], rows: int, champion: bool = True) -> dict[str, Any]:
    drift = [
        {"column": each["name"], "kind": each["kind"], "psi": 0.27 / (number + 1)}
        for number, each in enumerate(columns)
    ]
    return {
        "rows": rows, "duplicates": 0, "overlap": 0, "columns": columns, "checks": [],
        "drift": drift if champion else None,
    }  # fmt: skip


def numeric(name: str, low: float, high: float, type: str = "double") -> dict[str, Any]:
    return {
        "name": name, "type": type, "kind": "numeric", "missing": 0, "min": low, "max": high,
        "mean": (low + high) / 2, "std": (high - low) / 4,
    }  # fmt: skip


def category(name: str, kind: str, distinct: int, value: str, share: float) -> dict[str, Any]:
    return {
        "name": name, "type": "string", "kind": kind, "missing": 3, "distinct": distinct,
        "most_frequent": value, "most_frequent_share": share,
    }  # fmt: skip


def date(name: str, first: str, last: str) -> dict[str, Any]:
    return {
        "name": name, "type": "datetime", "kind": "date", "missing": 0, "first": first,
        "last": last,
    }  # fmt: skip


def regression(evidence: Path, hour: int = 0, limit: float = 900, **identity: Any) -> Path:
    """Daily bike rentals; RMSE is lower than the champion's."""
    random = np.random.default_rng(1)
    season = random.choice(["spring", "summer", "autumn", "winter"], ROWS)
    actual = 4500 + random.normal(0, 1900, ROWS)
    scores = [Scores(actual + random.normal(0, noise, ROWS)) for noise in (640, 780)]
    values, decided = measure(
        "regression", "rentals", pd.DataFrame({"season": season, "temp": actual / 200}),
        Predictions(actual, *scores),
        {
            "metrics": [
                {"metric": "root_mean_squared_error", "at_most": limit, "margin": 0},
                {"metric": "r2", "at_least": 0.7},
            ],
            "smallest_sample": 300,
            "slices": {
                "column": "season",
                "limits": [{"metric": "root_mean_squared_error", "loss": 100}],
            },
            "fairness": [{"metric": "mean_absolute_error_difference", "at_most": 200}],
        },
    )  # fmt: skip
    columns = [
        date("day", "2011-01-01", "2012-12-31"), category("season", "categorical", 4, "summer", 0.26),
        category("holiday", "boolean", 2, "false", 0.97), numeric("temp", -5.2, 39.1),
        numeric("rentals", 22, 8714, "long"),
    ]  # fmt: skip
    values |= {
        "data_profile": profile(columns, 731),
        "importance": importance(["temp", "day", "season", "holiday"], 812.4),
        "importance_metric": "root_mean_squared_error",
        "job_parameters": {"learning_rate": "0.05", "max_iter": "400", "max_leaf_nodes": "15"},
        "package_list": {"scikit-learn": "1.9.1", "pandas": "2.3.3"},
    }
    identity = {"parameters": {"learning_rate": 0.05, "max_iter": 400}, **identity}
    return TaskPack(evidence, "rentals", hour=hour, **identity).release_model(values, decided)


def multiclass(evidence: Path, hour: int = 1, **identity: Any) -> Path:
    """Kinds of forest cover with five classes; one of them is rare."""
    random = np.random.default_rng(2)
    classes = ("aspen", "fir", "pine", "spruce", "willow")
    actual = random.choice(5, ROWS, p=[0.2, 0.25, 0.3, 0.2, 0.05])
    scores = []
    for strength in (2.6, 2.4):
        logits = random.normal(0, 1, (ROWS, 5)) + strength * np.eye(5)[actual]
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        scores.append(Scores(np.array(classes)[probability.argmax(axis=1)], probability))
    soil = random.choice(["clay", "peat", "sand"], ROWS)
    values, decided = measure(
        "multiclass", "cover", pd.DataFrame({"soil": soil}),
        Predictions(np.array(classes)[actual], *scores, classes=classes),
        {
            "metrics": [
                {"metric": "f1_macro", "at_least": 0.7, "margin": -0.05},
                {"metric": "log_loss", "at_most": 0.9},
            ],
            "slices": {"column": "soil", "limits": [{"metric": "accuracy", "loss": 0.05}]},
        },
    )  # fmt: skip
    columns = [
        numeric("elevation", 1859, 3858), category("soil", "categorical", 3, "sand", 0.35),
        category("cover", "categorical", 5, "pine", 0.3),
    ]  # fmt: skip
    values |= {
        "data_profile": profile(columns, 3000),
        "importance": importance(["elevation", "soil"], 0.41),
        "importance_metric": "f1_macro",
        "job_parameters": {"num_leaves": "31", "learning_rate": "0.1", "n_estimators": "200"},
    }
    return TaskPack(evidence, "cover", hour=hour, **identity).release_model(values, decided)


def text(evidence: Path, hour: int = 2, **identity: Any) -> Path:
    """Spam by one text column, the positive class is a text; importance cannot be measured."""
    random = np.random.default_rng(3)
    actual = random.random(ROWS) < 0.3
    scores = []
    for strength in (3.2, 3.0):
        positive = 1 / (1 + np.exp(-(random.normal(0, 1.2, ROWS) + strength * (actual - 0.5))))
        names = np.where(positive > 0.5, "spam", "ham")
        scores.append(Scores(names, np.column_stack([1 - positive, positive])))
    values, decided = measure(
        "binary", "kind", pd.DataFrame({"message": ["free offer"] * ROWS}),
        Predictions(
            np.where(actual, "spam", "ham"), *scores, classes=("ham", "spam"), positive="spam"
        ),
        {
            "metrics": [
                {"metric": "average_precision", "at_least": 0.7, "margin": -0.05},
                {"metric": "brier_score", "at_most": 0.2},
            ]
        },
    )  # fmt: skip
    columns = [
        category("message", "text", 5169, "Sorry, I'll call later", 0.005),
        category("kind", "categorical", 2, "ham", 0.7),
    ]
    values |= {
        "data_profile": {**profile(columns, 5574), "overlap": None},
        "importance": None,
        "importance_metric": None,
        "not_measured": {"importance": "the model has one column"},
        "job_parameters": {"ngram_range": "(1, 2)", "C": "4.0"},
    }
    return TaskPack(evidence, "spam", hour=hour, **identity).release_model(values, decided)


def forecasting(evidence: Path, hour: int = 3, **identity: Any) -> Path:
    """Load of a grid up to twelve hours ahead; worse than the champion, so it is not registered."""
    random = np.random.default_rng(4)
    steps = np.tile(np.arange(1, 13), ROWS // 12)
    actual = 52_000 + 9_000 * np.sin(np.arange(ROWS) / 24) + random.normal(0, 500, ROWS)
    scores = [
        Scores(actual + random.normal(0, 1, ROWS) * (error + 90 * steps)) for error in (900, 600)
    ]
    values, decided = measure(
        "forecasting", "load_mw", pd.DataFrame({"hours_ahead": steps}),
        Predictions(actual, *scores),
        {
            "metrics": [{"metric": "mean_absolute_error", "at_most": 1500, "margin": 0}],
            "slices": {"column": "hours_ahead", "edges": [1, 4, 8, 13]},
        },
        horizon_column="hours_ahead",
    )  # fmt: skip
    columns = [
        date("time", "2024-01-01 00:00", "2025-12-31 23:00"), numeric("hours_ahead", 1, 12, "long"),
        numeric("load_mw", 31250.5, 72110.25),
    ]  # fmt: skip
    values |= {
        "data_profile": profile(columns, 17_520),
        "importance": importance(["load_24h_ago", "hours_ahead", "temperature"], 3120.5),
        "importance_metric": "mean_absolute_error",
        "job_parameters": {"horizon": "12", "lags": "24,168", "loss": "absolute_error"},
    }
    return TaskPack(evidence, "load", hour=hour, **identity).release_model(values, decided)


def custom(evidence: Path, hour: int = 4, **identity: Any) -> Path:
    """Order quantities by cost, a metric of the project; the first release."""
    random = np.random.default_rng(5)
    demand = random.poisson(40, ROWS).astype(float)

    def mean_cost(label: Any, prediction: Any) -> float:
        """Cost of unsold and missing units per day."""
        return float(np.mean(np.where(prediction > label, 1.5, 6.0) * abs(prediction - label)))

    own = make_own_metric("mean_cost", "lower", mean_cost, str(mean_cost.__doc__))
    values, decided = measure(
        "custom", "demand", pd.DataFrame({"store": random.choice(["north", "south"], ROWS)}),
        Predictions(demand, Scores(demand + random.normal(3, 4, ROWS))),
        {"metrics": [{"metric": "mean_cost", "at_most": 15}]},
        own_metrics=[own],
    )  # fmt: skip
    columns = [
        category("store", "categorical", 2, "north", 0.52), numeric("demand", 18, 66, "long"),
    ]  # fmt: skip
    values |= {
        "data_profile": profile(columns, 2400, champion=False),
        "importance": None,
        "importance_metric": None,
        "not_measured": {"importance": "task = custom: set importance in settings.ini"},
        "job_parameters": {"service_level": "0.8"},
    }
    return TaskPack(evidence, "orders", hour=hour, **identity).release_model(values, decided)


ALL: tuple[Callable[..., Path], ...] = (regression, multiclass, text, forecasting, custom)
