"""Write sample.csv: synthetic deliveries. The same seed gives the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_500
SEED = 18


def make_rows() -> pd.DataFrame:
    """Deliveries, and whether each was late."""
    random = np.random.default_rng(SEED)
    carrier = random.choice(["north", "east", "west"], ROWS, p=[0.5, 0.3, 0.2])
    service = random.choice(["standard", "express"], ROWS, p=[0.7, 0.3])
    distance = random.gamma(2.0, 60.0, ROWS)
    weight = random.gamma(1.5, 4.0, ROWS)
    items = 1 + random.poisson(1.5, ROWS)
    by_carrier = {"north": -0.6, "east": 0.2, "west": 0.9}
    score = (
        -2.4
        + 0.014 * distance
        + 0.04 * weight
        + 0.1 * items
        + np.array([by_carrier[name] for name in carrier])
        - 0.9 * (service == "express")
    )
    late = random.uniform(size=ROWS) < 1 / (1 + np.exp(-1.6 * score))
    return pd.DataFrame(
        {
            "distance_km": distance.round(1),
            "weight_kg": weight.round(2),
            "items": items,
            "carrier": carrier,
            "service": service,
            "late": np.where(late, "yes", "no"),
        }
    )


if __name__ == "__main__":
    make_rows().to_csv(Path(__file__).with_name("sample.csv"), index=False)
