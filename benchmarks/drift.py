"""Measure whether monitor and rollout detect drift, and raise no alarm without it, for each task.

    python -m benchmarks.drift [--data data/diabetes.csv] [--seed 0] [--task regression]

For each task: samples of unseen rows with a known shift each (of a column of each kind, of missing
values, of labels, of predictions) and twenty without a shift; and the predictions of a model that
was trained again on other rows, as a rollout compares them, as they are and shifted. Prints the
rates with their limits, and returns 1 when one is exceeded.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from benchmarks.drift_tasks import DATA, TaskSample, make_tasks
from sklearn.model_selection import train_test_split

from nbrelease.quality import monitor
from nbrelease.quality.criteria import Monitor
from nbrelease.quality.drift import prediction_drift

SAMPLES_WITHOUT_SHIFT = 20
MOST_FALSE_ALARMS = 1
ROLLOUT_LIMIT = 1.0
"""``rollout.drift`` of the shipped criteria file."""
ROLLOUT_ROWS = 200
END = pd.Timestamp("2026-01-02T00:00:00Z").to_pydatetime()
TASKS = {"text": "binary"}


class Judged(NamedTuple):
    """One window: its shift (empty: none), the drift that was detected, and the seconds."""

    shift: str
    why: list[str]
    seconds: float


class _Fitted(NamedTuple):
    """A live model, one that was trained on other rows, and rows that neither has seen."""

    live: Any
    new: Any
    held_out: pd.DataFrame
    pool: pd.DataFrame


def drill(sample: TaskSample, task: str, seed: int = 0, rows: int = 1000) -> Iterator[Judged]:
    """Judge one window for each shift of a task, and twenty without one."""
    fitted = _fit(sample, seed)
    features = fitted.held_out.drop(columns="label")
    predictions = pd.Series(fitted.live.predict(features), index=features.index)
    labels = fitted.held_out["label"]
    reference = monitor.Reference(features, predictions, labels, TASKS.get(task, task))
    limits = Monitor(windows=1, breached=1)
    names = [*sample.shifts, *sample.prediction_shifts, *[""] * SAMPLES_WITHOUT_SHIFT]
    for number, name in enumerate(names):
        draw = np.random.default_rng([seed, number])
        window = fitted.pool.sample(rows, replace=True, random_state=draw.integers(2**32))
        if name in sample.shifts:
            window = sample.shifts[name](window, draw)
        window = window.assign(
            prediction=fitted.live.predict(window[list(features)]),
            time=pd.Timestamp("2026-01-01T12:00:00Z"),
        )
        if name in sample.prediction_shifts:
            window = sample.prediction_shifts[name](window, draw)
        started = time.perf_counter()
        [judged] = monitor.judge_windows(window, reference, limits, until=END, hours=24)
        yield Judged(name, judged.why, time.perf_counter() - started)


def measure_rollout(sample: TaskSample, task: str, seed: int = 0) -> dict[str, float]:
    """The drift that a rollout measures: of a new model, and of shifted predictions."""
    fitted = _fit(sample, seed)
    rows = fitted.pool.head(ROLLOUT_ROWS).drop(columns="label")
    live, new = (list(model.predict(rows)) for model in (fitted.live, fitted.new))
    drift = {"new model": prediction_drift(live, new, TASKS.get(task, task))}
    table, draw = pd.DataFrame({"prediction": new}), np.random.default_rng(seed)
    shifts = {name: change for name, change in sample.prediction_shifts.items() if "+25" in name}
    if not shifts:  # classes: all predictions are the first class
        shifts = {"one class only": lambda rows, draw: rows.assign(prediction=live[0])}
    for name, change in shifts.items():
        shifted = change(table, draw)["prediction"].tolist()
        drift[name] = prediction_drift(live, shifted, TASKS.get(task, task))
    return drift


def _fit(sample: TaskSample, seed: int) -> _Fitted:
    train, unseen = train_test_split(sample.rows, test_size=0.6, random_state=seed)
    held_out, pool = train_test_split(unseen, test_size=0.5, random_state=seed)
    parts = train_test_split(train, test_size=0.5, random_state=seed)
    live, new = (
        sample.make_model(number).fit(rows.drop(columns="label"), rows["label"])
        for number, rows in enumerate((train, parts[0]))
    )
    return _Fitted(live, new, held_out, pool)


def main() -> int:
    """Print a line for each sample, then the rates of each task."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", help="only this one")
    arguments = parser.parse_args()
    lines, failed = [], False
    for task, sample in make_tasks(arguments.data).items():
        if arguments.task not in (None, task):
            continue
        windows = list(drill(sample, task, arguments.seed))
        for each in windows:
            print(f"{task:12} {each.shift or 'none':30} {each.why[0] if each.why else '-'}")
        shifted = [each for each in windows if each.shift]
        detected = sum(bool(each.why) for each in shifted)
        false_alarms = sum(bool(each.why) for each in windows if not each.shift)
        rollout = measure_rollout(sample, task, arguments.seed)
        first, *others = rollout.values()
        failed |= detected < len(shifted) or false_alarms > MOST_FALSE_ALARMS
        failed |= first > ROLLOUT_LIMIT or min(others) <= ROLLOUT_LIMIT
        lines.append(
            f"{task:12} detected {detected} of {len(shifted)} shifts (limit: all), false alarms"
            f" {false_alarms} of {SAMPLES_WITHOUT_SHIFT} (limit {MOST_FALSE_ALARMS}); rollout: "
            + ", ".join(f"{name} {value:.3f}" for name, value in rollout.items())
            + f" (limit {ROLLOUT_LIMIT:g}); one window of 1000 rows"
            f" {np.median([each.seconds for each in windows]) * 1000:.0f} ms"
        )
    print("\n".join(lines))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
