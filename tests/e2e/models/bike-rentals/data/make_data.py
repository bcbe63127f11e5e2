"""Write rentals.csv: synthetic daily rentals with seasons, a trend and missing temperatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

random = np.random.default_rng(7)
dates = pd.date_range("2023-01-01", periods=1_400)
day = np.arange(len(dates))
angle = 2 * np.pi * dates.dayofyear / 365
season = np.array(["winter", "spring", "summer", "autumn"])[(dates.month % 12) // 3]
temperature = np.array(12 - 10 * np.cos(angle) + random.normal(0, 3, len(dates)))
weather = random.choice(["clear", "cloudy", "rain"], len(dates), p=[0.55, 0.3, 0.15])
holiday = random.uniform(size=len(dates)) < 0.04
humidity = random.uniform(35, 95, len(dates))
wind = random.gamma(2.0, 2.5, len(dates))
usual = (
    900
    + 0.5 * day
    + 95 * np.clip(temperature, 0, 26)
    - 6 * (humidity - 60)
    - 25 * wind
    - 300 * holiday
    + 250 * (dates.dayofweek < 5)
)
factor = pd.Series(weather).map({"clear": 1.0, "cloudy": 0.88, "rain": 0.55}).to_numpy()
rentals = np.maximum(0, usual * factor + random.normal(0, 160, len(dates))).round()
temperature[random.uniform(size=len(dates)) < 0.02] = np.nan
pd.DataFrame(
    {
        "date": dates.strftime("%Y-%m-%d"),
        "day": day,
        "season": season,
        "weekday": dates.day_name(),
        "weather": weather,
        "holiday": holiday,
        "temperature": temperature.round(1),
        "humidity": humidity.round(0),
        "wind": wind.round(1),
        "rentals": rentals.astype(int),
    }
).to_csv(Path(__file__).with_name("rentals.csv"), index=False)
