"""Write sample.csv: the iris data set of scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_iris


def make_rows() -> pd.DataFrame:
    """Measurements of flowers in cm, and their species, without duplicates."""
    iris = load_iris(as_frame=True)
    names = {name: name.removesuffix(" (cm)").replace(" ", "_") for name in iris.feature_names}
    species = pd.Series(iris.target_names[iris.target], name="species")
    rows: pd.DataFrame = iris.data.rename(columns=names).join(species)
    return rows.drop_duplicates(ignore_index=True)


if __name__ == "__main__":
    make_rows().to_csv(Path(__file__).with_name("sample.csv"), index=False)
