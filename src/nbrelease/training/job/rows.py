"""The rows that a job trains on and holds out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

HELD_OUT = "held_out"


class Split(NamedTuple):
    """Training rows and held-out rows, each with the label."""

    training: pd.DataFrame
    held_out: pd.DataFrame


def is_split(result: object) -> bool:
    """Whether a function returned training rows and held-out rows."""
    return (
        isinstance(result, (tuple, list))
        and len(result) == 2
        and all(isinstance(rows, pd.DataFrame) for rows in result)
    )


def count_overlap(split: Split, columns: Sequence[str]) -> int:
    """Count the held-out rows whose features are those of a training row."""
    known = [name for name in columns if name in split.training and name in split.held_out]
    if not known:
        return 0
    hashes = [pd.util.hash_pandas_object(rows[known].astype(object), index=False) for rows in split]
    return int(np.isin(hashes[1], hashes[0]).sum())


def read_held_out(folder: Path, text_columns: Collection[str]) -> pd.DataFrame | None:
    """The held-out rows that a job wrote; None if it wrote none.

    Args:
        folder: ``evaluation`` of the job.
        text_columns: are text in the model's signature: ``01234`` and ``NA`` stay as they are.
    """
    if (file := folder / f"{HELD_OUT}.parquet").is_file():
        return pd.read_parquet(file)
    if not (file := folder / f"{HELD_OUT}.csv").is_file():
        return None
    names = pd.read_csv(file, nrows=0).columns
    missing = ["", "NA", "N/A", "NaN", "nan", "null"]
    return pd.read_csv(
        file,
        dtype={name: str for name in names if name in text_columns},
        keep_default_na=False,
        na_values={name: [""] if name in text_columns else missing for name in names},
        float_precision="round_trip",
    )


def write_held_out(held_out: pd.DataFrame, folder: Path) -> None:
    """Write them as a job does."""
    folder.mkdir(parents=True, exist_ok=True)
    held_out.to_parquet(folder / f"{HELD_OUT}.parquet", index=False)
