"""Write sample/*.parquet: synthetic daily sales of three stores, a file for each month.

The same seed gives the same rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 540  # days
SEED = 18


def make_rows() -> pd.DataFrame:
    """The sales of each store on each day."""
    random = np.random.default_rng(SEED)
    days = pd.date_range("2025-01-01", periods=ROWS)
    weekday = np.array([1.0, 0.95, 1.0, 1.05, 1.25, 1.5, 0.7])[days.dayofweek]
    season = 1 + 0.15 * np.sin(2 * np.pi * days.dayofyear / 365)
    tables = []
    for store, level in {"north": 200.0, "south": 140.0, "center": 320.0}.items():
        trend = np.cumsum(random.normal(0, 0.004, ROWS))
        sales = level * weekday * season * np.exp(trend + random.normal(0, 0.06, ROWS))
        tables.append(pd.DataFrame({"date": days, "store": store, "sales": sales.round(1)}))
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    folder = Path(__file__).with_name("sample")
    folder.mkdir(exist_ok=True)
    table = make_rows()
    for month, rows in table.groupby(table["date"].dt.strftime("%Y-%m")):
        rows.to_parquet(folder / f"{month}.parquet", index=False)
