"""Writes diabetes-sample.csv: synthetic patients, shaped like the public diabetes file.

Nobody's data: each column is drawn from a distribution of about the public file's range, and the
label from a few rules with noise, so that the notebooks have something to learn. The same
seed gives the same file.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

ROWS = 1_500
SEED = 20
COLUMNS = (
    "PatientID",
    "Pregnancies",
    "PlasmaGlucose",
    "DiastolicBloodPressure",
    "TricepsThickness",
    "SerumInsulin",
    "BMI",
    "DiabetesPedigree",
    "Age",
    "Diabetic",
)


def rows(count: int, seed: int) -> list[list[object]]:
    """``count`` synthetic patients."""
    random = np.random.default_rng(seed)
    pregnancies = random.poisson(3, count)
    glucose = random.normal(108, 31, count).clip(44, 192).round()
    pressure = random.normal(71, 16, count).clip(24, 117).round()
    triceps = random.gamma(4, 7.2, count).clip(7, 93).round()
    insulin = random.gamma(1.3, 105, count).clip(14, 799).round()
    bmi = random.normal(31.5, 9.7, count).clip(18.2, 56)
    pedigree = random.gamma(1.4, 0.28, count).clip(0.078, 2.3)
    age = (21 + random.gamma(1.1, 9, count)).clip(21, 77).round()
    # Steps and a bend, as in the public file: a forest finds what a straight line cannot.
    score = (
        3.2 * (pregnancies >= 5)
        + 2.6 * ((bmi > 30) & (age > 25))
        + 1.6 * (np.abs(insulin - 120) > 70)
        + 1.4 * (age > 40)
        + 0.02 * (glucose - 108)
        + 0.8 * (pedigree - 0.4)
        - 3.9
    )
    diabetic = (random.random(count) < 1 / (1 + np.exp(-1.6 * score))).astype(int)
    ids = random.choice(np.arange(1_000_000, 2_000_000), count, replace=False)
    return [
        [
            int(ids[i]),
            int(pregnancies[i]),
            int(glucose[i]),
            int(pressure[i]),
            int(triceps[i]),
            int(insulin[i]),
            round(float(bmi[i]), 8),
            round(float(pedigree[i]), 9),
            int(age[i]),
            int(diabetic[i]),
        ]
        for i in range(count)
    ]


def main() -> None:
    """Write the file beside this script, or to the path given."""
    default = Path(__file__).with_name("diabetes-sample.csv")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows(ROWS, SEED))


if __name__ == "__main__":
    main()
