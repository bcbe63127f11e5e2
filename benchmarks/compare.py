"""Measure the comparison of two models against the same bootstrap with scikit-learn's functions.

    python benchmarks/compare.py [--rows N] [--resamples N] [--json FILE]

Both draw the same 999 samples of the held-out rows and measure challenger and champion on each, for
two classes (ROC AUC and accuracy), three classes (macro F1) and numbers (RMSE and R2). nbrelease
measures many samples at once; the loop calls scikit-learn for each sample. The intervals have to be
equal. The limit is a fifth of the loop's time, which is scaled to 999 samples where it draws fewer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from nbrelease.quality.compare import compare_models
from nbrelease.quality.criteria import Criteria
from nbrelease.quality.predictions import Predictions, Scores

RESAMPLES = 999
LIMIT = 0.2
Score = Callable[[NDArray[np.intp], Scores], float]


@dataclass(frozen=True)
class Case:
    """Predictions of a task, and its metrics as functions of scikit-learn."""

    task: str
    predictions: Predictions
    metrics: dict[str, Score]


def make_binary(rows: int) -> Case:
    """Two classes with probabilities."""
    random = np.random.default_rng(0)
    label = (random.random(rows) < 0.3).astype(int)

    def scores(signal: float) -> Scores:
        probability = 1 / (1 + np.exp(-(signal * (2 * label - 1) + random.normal(size=rows))))
        both = np.column_stack([1 - probability, probability])
        return Scores((probability > 0.5).astype(int), both)

    def roc_auc(positions: NDArray[np.intp], model: Scores) -> float:
        assert model.probability is not None
        score = model.probability[positions, 1]
        return float(sklearn_metrics.roc_auc_score(label[positions], score))

    def accuracy(positions: NDArray[np.intp], model: Scores) -> float:
        prediction = model.prediction[positions]
        return float(sklearn_metrics.accuracy_score(label[positions], prediction))

    predictions = Predictions(label, scores(1.2), scores(1.0), (0, 1))
    return Case("binary", predictions, {"roc_auc": roc_auc, "accuracy": accuracy})


def make_multiclass(rows: int) -> Case:
    """Three classes of text."""
    random = np.random.default_rng(0)
    names = np.array(["bus", "car", "train"])
    label = random.choice(names, rows)

    def scores(errors: float) -> Scores:
        return Scores(np.where(random.random(rows) < errors, random.choice(names, rows), label))

    def f1_macro(positions: NDArray[np.intp], model: Scores) -> float:
        prediction = model.prediction[positions]
        return float(sklearn_metrics.f1_score(label[positions], prediction, average="macro"))

    predictions = Predictions(label, scores(0.2), scores(0.3), tuple(names.tolist()))
    return Case("multiclass", predictions, {"f1_macro": f1_macro})


def make_regression(rows: int) -> Case:
    """Numbers."""
    random = np.random.default_rng(0)
    label = random.gamma(3, 10, rows)

    def rmse(positions: NDArray[np.intp], model: Scores) -> float:
        prediction = model.prediction[positions]
        return float(sklearn_metrics.root_mean_squared_error(label[positions], prediction))

    def r2(positions: NDArray[np.intp], model: Scores) -> float:
        return float(sklearn_metrics.r2_score(label[positions], model.prediction[positions]))

    challenger, champion = (Scores(label + random.normal(0, x, rows)) for x in (4, 5))
    predictions = Predictions(label, challenger, champion)
    return Case("regression", predictions, {"root_mean_squared_error": rmse, "r2": r2})


def time_loop(case: Case, resamples: int) -> tuple[float, dict[str, tuple[float, float]]]:
    """Seconds for 999 samples with scikit-learn, and the intervals of the differences."""
    predictions = case.predictions
    assert predictions.champion is not None
    rows = len(predictions.label)
    random = np.random.default_rng(0)
    started = time.perf_counter()
    differences: dict[str, list[float]] = {name: [] for name in case.metrics}
    for _ in range(resamples):
        positions = random.integers(0, rows, rows)
        for name, score in case.metrics.items():
            challenger = score(positions, predictions.challenger)
            differences[name].append(challenger - score(positions, predictions.champion))
    seconds = (time.perf_counter() - started) * RESAMPLES / resamples
    return seconds, {
        name: (float(low), float(high))
        for name, values in differences.items()
        for low, high in [np.percentile(values, [2.5, 97.5])]
    }


def time_comparison(case: Case) -> tuple[float, dict[str, tuple[float, float]]]:
    """Seconds of the whole comparison of nbrelease, and the same intervals."""
    limits = [{"metric": name, "margin": 0} for name in case.metrics]
    criteria = Criteria.model_validate({"metrics": limits})
    started = time.perf_counter()
    comparison = compare_models(
        case.predictions,
        task=case.task,
        version="1",
        features=pd.DataFrame(index=range(len(case.predictions.label))),
        criteria=criteria,
    )
    seconds = time.perf_counter() - started
    return seconds, {
        each.name: each.difference_interval
        for each in comparison.metrics
        if each.name in case.metrics and each.difference_interval is not None
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=4_500)
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="samples of the loop")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    results, failed = [], False
    for make in (make_binary, make_multiclass, make_regression):
        case = make(options.rows)
        seconds, intervals = time_comparison(case)
        loop, expected = time_loop(case, options.resamples)
        compared = options.resamples == RESAMPLES
        same = all(np.allclose(intervals[x], expected[x], rtol=1e-9) for x in case.metrics)
        ratio = seconds / loop
        failed |= ratio > LIMIT or (compared and not same)
        results.append(
            {
                "task": case.task,
                "rows": options.rows,
                "seconds": seconds,
                "loop": loop,
                "ratio": ratio,
                "same": same if compared else None,
            }
        )
        intervals_are = ("the same" if same else "other") if compared else "not compared"
        print(
            f"{case.task:12} {seconds:6.2f} s, loop {loop:7.2f} s, ratio {ratio:.3f} "
            f"(limit {LIMIT}), intervals: {intervals_are}"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
