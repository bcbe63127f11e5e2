"""Measure whether the monitor detects drift, and raises no alarm without it.

    python benchmarks/drift.py [--data data/diabetes.csv] [--seed 0]

Twenty samples of unseen rows with a known shift each (mean, scale, a missing category, missing
values, flipped labels) and twenty without a shift. Prints the drift that was detected and the time
of one window.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from nbrelease.quality import monitor
from nbrelease.quality.criteria import Monitor

LABEL = "Diabetic"
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def moved(column: str, deviations: float) -> Change:
    """Add a number of standard deviations to each value."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column] + deviations * rows[column].std()}
    )


def scaled(column: str, factor: float) -> Change:
    """Scale the values around their mean."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column].mean() + factor * (rows[column] - rows[column].mean())}
    )


def without(column: str, low: float, high: float) -> Change:
    """Remove the rows with a value in this range."""
    return lambda rows, draw: rows[~rows[column].between(low, high)]


def emptied(column: str, share: float) -> Change:
    """Remove the values of a share of the rows."""
    return lambda rows, draw: rows.assign(
        **{column: rows[column].where(draw.random(len(rows)) >= share)}
    )


def flipped(share: float) -> Change:
    """Flip the true label of a share of the rows."""

    def change(rows: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
        turned = draw.random(len(rows)) < share
        return rows.assign(label=np.where(turned, 1 - rows["label"], rows["label"]))

    return change


SHIFTS: dict[str, Change] = {
    "PlasmaGlucose +0.3 sd": moved("PlasmaGlucose", 0.3),
    "BMI -0.4 sd": moved("BMI", -0.4),
    "Age +0.5 sd": moved("Age", 0.5),
    "DiastolicBloodPressure +1 sd": moved("DiastolicBloodPressure", 1.0),
    "SerumInsulin x 1.6": scaled("SerumInsulin", 1.6),
    "BMI x 1.5": scaled("BMI", 1.5),
    "TricepsThickness x 2": scaled("TricepsThickness", 2.0),
    "PlasmaGlucose x 0.5": scaled("PlasmaGlucose", 0.5),
    "no Pregnancies 0": without("Pregnancies", 0, 0),
    "no Age under 25": without("Age", 0, 24),
    "no Age over 40": without("Age", 41, 200),
    "no Pregnancies from 6": without("Pregnancies", 6, 99),
    "SerumInsulin 6 % missing": emptied("SerumInsulin", 0.06),
    "Age 10 % missing": emptied("Age", 0.10),
    "BMI 20 % missing": emptied("BMI", 0.20),
    "PlasmaGlucose all missing": emptied("PlasmaGlucose", 1.0),
    "labels 12 % flipped": flipped(0.12),
    "labels 15 % flipped": flipped(0.15),
    "labels 20 % flipped": flipped(0.20),
    "labels 30 % flipped": flipped(0.30),
}


def drill(data: Path, seed: int = 0, rows: int = 1000) -> Iterator[tuple[str, list[str], float]]:
    """Judge one window for each shift, and twenty without one.

    Yields:
        The shift (empty: none), the drift that the monitor detected, and the seconds.
    """
    table = pd.read_csv(data).drop(columns="PatientID")
    train, unseen = train_test_split(table, test_size=0.6, random_state=seed)
    held_out, pool = train_test_split(unseen, test_size=0.5, random_state=seed)
    model = RandomForestClassifier(n_estimators=50, min_samples_leaf=5, random_state=seed)
    model.fit(train.drop(columns=LABEL), train[LABEL])
    features = held_out.drop(columns=LABEL)
    answers = pd.Series(model.predict(features))
    reference = monitor.Reference(features, answers, held_out[LABEL])
    pool = pool.rename(columns={LABEL: "label"})
    end = pd.Timestamp("2026-01-02T00:00:00Z").to_pydatetime()
    limits = Monitor(windows=1, breached=1)
    for number, name in enumerate([*SHIFTS, *[""] * 20]):
        draw = np.random.default_rng([seed, number])
        window = pool.sample(rows, replace=True, random_state=draw.integers(2**32))
        if name:
            window = SHIFTS[name](window, draw)
        known = window[list(features)]
        window = window.assign(
            prediction=model.predict(known.fillna(features.median())),
            time=pd.Timestamp("2026-01-01T12:00:00Z"),
        )
        started = time.perf_counter()
        [judged] = monitor.judge_windows(window, reference, limits, until=end, hours=24)
        yield name, judged.why, time.perf_counter() - started


def main() -> None:
    """Print a line for each sample and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/diabetes-sample.csv"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    detected = false_alarms = 0
    seconds = []
    for name, why, duration in drill(given.data, given.seed):
        detected += bool(name and why)
        false_alarms += bool(not name and why)
        seconds.append(duration)
        print(f"{name or 'none':30} {why[0] if why else '-'}")
    print(
        f"detected {detected} of {len(SHIFTS)} shifts; {false_alarms} of 20 false alarms (limit 1)"
    )
    print(f"one window of 1000 rows: {np.median(seconds) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
