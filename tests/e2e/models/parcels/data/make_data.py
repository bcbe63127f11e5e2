"""Write parcels.parquet: synthetic parcels; postcodes are text with leading zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1_600
random = np.random.default_rng(11)
country = random.choice(["DE", "FR", "NA", "JP"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
content = random.choice(["books", "clothes", "glass", "food"], ROWS)
weight = random.gamma(1.6, 3.0, ROWS)
length = random.uniform(10, 150, ROWS)
value = random.lognormal(3.2, 0.9, ROWS)
scores = np.stack(
    [
        1.2 - 0.20 * weight + 0.5 * (country == "DE"),
        -0.6 + 0.015 * length + 0.12 * weight - 0.8 * (content == "glass"),
        -0.4 + 0.012 * value + 1.3 * (content == "glass") + 0.6 * (country == "JP"),
    ],
    axis=1,
)
chosen = np.argmax(2.2 * scores + random.gumbel(size=scores.shape), axis=1)
pd.DataFrame(
    {
        "weight_kg": weight.round(2),
        "length_cm": length.round(0),
        "value": value.round(2),
        "country": country,
        "content": content,
        "postcode": [f"0{number}" for number in random.integers(1000, 1012, ROWS)],
        "carrier": np.array(["letter", "van", "courier"])[chosen],
    }
).to_parquet(Path(__file__).with_name("parcels.parquet"), index=False)
