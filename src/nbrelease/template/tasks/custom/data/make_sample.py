"""Write sample.csv: synthetic durations of deliveries. The same seed gives the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_200
SEED = 18


def make_rows() -> pd.DataFrame:
    """Deliveries, and how many minutes each took."""
    random = np.random.default_rng(SEED)
    vehicle = random.choice(["bike", "car", "van"], ROWS, p=[0.3, 0.5, 0.2])
    distance = random.gamma(2.0, 4.0, ROWS)
    weight = random.gamma(1.5, 3.0, ROWS)
    hour = random.integers(7, 21, ROWS)
    speed = {"bike": 3.4, "car": 2.0, "van": 2.3}
    busy = 1 + 0.35 * ((hour >= 16) & (hour <= 18))
    usual = 5 + distance * np.array([speed[name] for name in vehicle]) * busy + 0.3 * weight
    minutes = usual * random.lognormal(0, 0.18, ROWS)
    return pd.DataFrame(
        {
            "distance_km": distance.round(1),
            "weight_kg": weight.round(1),
            "hour": hour,
            "vehicle": vehicle,
            "minutes": minutes.round(1),
        }
    )


if __name__ == "__main__":
    make_rows().to_csv(Path(__file__).with_name("sample.csv"), index=False)
