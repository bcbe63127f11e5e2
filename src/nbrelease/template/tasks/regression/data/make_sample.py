"""Write sample.csv: synthetic daily energy demand. The same seed gives the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_200
SEED = 18


def make_rows() -> pd.DataFrame:
    """Weather and calendar of a day, and the demand in MWh."""
    random = np.random.default_rng(SEED)
    season = random.choice(["winter", "spring", "summer", "autumn"], ROWS)
    day_type = random.choice(["workday", "weekend", "holiday"], ROWS, p=[0.68, 0.28, 0.04])
    usual = {"winter": 2.0, "spring": 11.0, "summer": 22.0, "autumn": 12.0}
    temperature = np.array([usual[name] for name in season]) + random.normal(0, 4, ROWS)
    humidity = random.uniform(30, 95, ROWS)
    wind = random.gamma(2.0, 2.0, ROWS)
    by_day = {"workday": 25.0, "weekend": 4.0, "holiday": 0.0}
    demand = (
        120
        + 0.09 * (temperature - 16) ** 2
        + np.array([by_day[name] for name in day_type])
        + 0.8 * wind
        + random.normal(0, 4, ROWS)
    )
    return pd.DataFrame(
        {
            "temperature": temperature.round(1),
            "humidity": humidity.round(0),
            "wind": wind.round(1),
            "season": season,
            "day_type": day_type,
            "demand": demand.round(2),
        }
    )


if __name__ == "__main__":
    make_rows().to_csv(Path(__file__).with_name("sample.csv"), index=False)
