"""Tables are read with their types, and what cannot be read is one clear error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbrelease.errors import DataError
from nbrelease.quality.tables import BatchReader, find_files


def read_table(path, columns_as_text=()) -> pd.DataFrame:
    """All batches of a table, without categoricals."""
    batches = [each.astype(object) for each in BatchReader(path, columns_as_text).read()]
    return pd.concat(batches, ignore_index=True).infer_objects()


def test_text_columns_stay_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("code,country,x\n01234,NA,1\n00001,,NA\n")
    rows = read_table(path, ["code", "country"])
    assert rows["code"].tolist() == ["01234", "00001"]
    assert rows["country"].fillna("missing").tolist() == ["NA", "missing"]
    assert rows["x"].isna().tolist() == [False, True]
    assert read_table(path)["code"].tolist() == [1234, 1]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_floats_are_read_as_they_were_written(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("floats") / "rows.csv"
    pd.DataFrame({"x": numbers}).to_csv(path, index=False)
    assert read_table(path)["x"].tolist() == numbers


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_folder_is_one_table(tmp_path, suffix):
    rows = pd.DataFrame({"x": np.arange(10) / 3, "name": list("abcdefghij")})
    for number, part in enumerate((rows.head(4), rows.tail(6))):
        path = tmp_path / f"part-{number}{suffix}"
        part.to_csv(path, index=False) if suffix == ".csv" else part.to_parquet(path)
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden").write_text("")
    pd.testing.assert_frame_equal(read_table(tmp_path), rows)


def test_what_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(DataError, match="absent"):
        read_table(tmp_path / "absent")
    with pytest.raises(DataError, match=str(tmp_path)):
        find_files(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match=r"b\.csv: .*y, z"):
        read_table(tmp_path)
    (tmp_path / "b.csv").rename(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"\.csv, \.parquet"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"b\.parquet"):
        read_table(tmp_path / "b.parquet")
    (tmp_path / "c.txt").write_text("x")
    with pytest.raises(DataError, match=r"c\.txt"):
        read_table(tmp_path / "c.txt")
