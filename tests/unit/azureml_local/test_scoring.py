"""Files of rows scored in batch: columns, types, headers and rows by the model's signature."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.unit.azureml_local.models import save_model

from azureml_local.batch.tables import Tables, enforce_types, read_table
from azureml_local.scoring.model import Column, Description, InvalidInput

NUMBERS = [Column("a", "double", True), Column("n", "long", True)]


class Doubles:
    """A model that doubles its first column."""

    def predict(self, frame):
        return frame.iloc[:, 0] * 2


class FirstColumn:
    """A model that returns its first column as text."""

    def predict(self, frame):
        return [str(value) for value in frame.iloc[:, 0]]


def write(tmp_path, text: str):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def score(tmp_path, estimator, columns, text: str) -> list[str] | None:
    """The predictions of a file; None if it is refused."""
    tables = Tables(save_model(tmp_path / "model", estimator, *columns))
    part = tmp_path / "part"
    scored, _ = tables.score([write(tmp_path, text)], part)
    return [line.split(",")[1] for line in part.read_text().splitlines()] if scored else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,5\n2,6\n", ["2.0", "4.0"]),
        ("\ufeffa,b\n1,5\n", ["2.0"]),
        ("b,x,a\n5,y,1\n", ["2.0"]),
        ("1,5\n2,6\n", ["2.0", "4.0"]),
        ("a,b\n,5\n", ["nan"]),
        ("a,b\n1,5,7\n2,6,8\n", None),
        ("a,b\n1\n2\n", None),
        ("a,b\n1,5\n2,6,7\n", None),
        ("a,a\n1,5\n", None),
        ("a\n1\n", None),
        ("x,y\n1,5\n", None),
        ("a,b\nmany,5\n", None),
        ("1,2,3\n", None),
        ("", None),
    ],
)
def test_rows_of_a_csv_file(tmp_path, text, expected):
    assert score(tmp_path, Doubles(), (("a", "double"), ("b", "double")), text) == expected


@pytest.mark.parametrize("names", [(0, 1), ("0", "1")])
def test_a_header_of_numbers_is_no_row(tmp_path, names):
    columns = [(name, "double") for name in names]
    assert score(tmp_path, Doubles(), columns, "0,1\n3,4\n5,6\n") == ["6.0", "10.0"]
    assert score(tmp_path, Doubles(), columns, "1,5\n3,4\n") == ["2.0", "6.0"]


@pytest.mark.parametrize("text", ["NA", "01234", "1e3", "None", "true", "nan"])
def test_text_columns_are_read_as_text(tmp_path, text):
    columns = (("t", "string"), ("b", "double"))
    assert score(tmp_path, FirstColumn(), columns, f"t,b\n{text},1\n") == [text]


def test_dates_are_read_as_dates(tmp_path):
    columns = (("when", "datetime"),)
    assert score(tmp_path, FirstColumn(), columns, "when\n2022-06-07\n") == ["2022-06-07 00:00:00"]
    assert score(tmp_path, FirstColumn(), columns, "when\nno date\n") is None


@pytest.mark.parametrize(
    ("value", "valid"), [("2", True), ("2.0", True), ("2.5", False), ("", False)]
)
def test_integers_must_be_integers(tmp_path, value, valid):
    path = write(tmp_path, f"a,n\n1,{value}\n")
    if valid:
        assert enforce_types(NUMBERS, read_table(NUMBERS, path))["n"].tolist() == [2]
    else:
        with pytest.raises(InvalidInput):
            enforce_types(NUMBERS, read_table(NUMBERS, path))


def test_parquet_files_have_their_types(tmp_path):
    pd.DataFrame({"n": [1], "a": [2.5]}).to_parquet(tmp_path / "rows.parquet")
    frame = enforce_types(NUMBERS, read_table(NUMBERS, tmp_path / "rows.parquet"))
    assert frame.to_dict("records") == [{"a": 2.5, "n": 1}]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Description.read(tmp_path)
