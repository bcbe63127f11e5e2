"""Held-out rows are read as the job wrote them."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from nbrelease.training.job.rows import read_held_out


def test_text_columns_stay_text(tmp_path):
    (tmp_path / "held_out.csv").write_text("code,country,x\n01234,NA,1\n00001,,NA\n")
    rows = read_held_out(tmp_path, {"code", "country"})
    assert rows["code"].tolist() == ["01234", "00001"]
    assert rows["country"].fillna("missing").tolist() == ["NA", "missing"]
    assert rows["x"].isna().tolist() == [False, True]
    assert read_held_out(tmp_path, ())["code"].tolist() == [1234, 1]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_floats_are_read_as_they_were_written(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("floats")
    pd.DataFrame({"x": numbers}).to_csv(folder / "held_out.csv", index=False)
    assert read_held_out(folder, ())["x"].tolist() == numbers


def test_a_job_without_held_out_rows(tmp_path):
    assert read_held_out(tmp_path, ()) is None
