"""Previews of data: tables, texts, images and folders, bounded in bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from azureml_local.studio import previews
from azureml_local.studio.previews import MAX_CELL, MAX_COLUMNS, MAX_ROWS, preview_data


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'x,y\n1,"a, b"\n2,"c\nd"\n'),
        ("a.CSV", '\ufeffx;y\r\n1;"a, b"\r\n2;"c\nd"'),
        ("a.tsv", 'x\ty\n1\ta, b\n2\t"c\nd"\n'),
        ("a.jsonl", '{"x": 1, "y": "a, b"}\n\n{"y": "c\\nd", "x": 2}\n'),
    ],
)
def test_tables(write, name, text):
    preview = preview_data(write(name, text))
    assert preview.columns == ["x", "y"]
    assert preview.rows == [["1", "a, b"], ["2", "c\nd"]]
    assert preview.note == ""


def test_a_file_without_a_header_and_rows_of_different_lengths(write):
    preview = preview_data(write("a.csv", "1,2\n3\n4,5,6\n"))
    assert preview.columns == ["1", "2", "3"]
    assert preview.rows == [["1", "2", ""], ["3", "", ""], ["4", "5", "6"]]


def test_parquet(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"x": list(range(200)), "y": [None, "b"] * 100})
    parquet.write_table(table, tmp_path / "a.parquet")
    preview = preview_data(tmp_path / "a.parquet")
    assert preview.columns == ["x", "y"]
    assert preview.rows[:2] == [["0", ""], ["1", "b"]]
    assert len(preview.rows) == MAX_ROWS
    assert preview.note == "the first 50 rows"
    parquet.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    assert preview_data(tmp_path / "b.parquet").columns == ["x", "y"]


def test_large_tables_are_cut(write, monkeypatch):
    line = ",".join(f"c{number}" for number in range(100))
    preview = preview_data(write("a.csv", f"{line}\n" + f"{'x' * 999},1\n" * 200))
    assert (len(preview.columns), len(preview.rows)) == (MAX_COLUMNS, MAX_ROWS)
    assert len(preview.rows[0][0]) == MAX_CELL + 1
    assert preview.note == "the first 50 rows, the first 40 of 100 columns"
    monkeypatch.setattr(previews, "READ_BYTES", 20)
    preview = preview_data(write("b.csv", "x,y\n" + "1234567,2\n" * 9))
    assert preview.rows == [["1234567", "2"]]
    assert preview.note == "the first 1 rows"


def test_only_a_bounded_part_of_a_file_is_read(tmp_path):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.write(b"first line\n")
        file.truncate(50_000_000_000)  # a sparse file
    assert preview_data(path).note.startswith("No preview: it is neither text")
    assert preview_data(path.rename(tmp_path / "a.parquet")).note.startswith(
        "No preview: it is not"
    )


def test_texts(write):
    assert preview_data(write("a.txt", "é\n<b>")).text == "é\n<b>"
    preview = preview_data(write("b.log", "é\n" * 200_000))
    assert (preview.text.count("é"), preview.note) == (200, "the start of the file")
    assert preview_data(write("c", "é" * 200_000)).text.startswith("éé")


def test_folders_images_and_mltables(write, tmp_path):
    assert preview_data(write("a.PNG", b"\x89PNG")).image
    write("MLTable", "type: mltable\n")
    preview = preview_data(tmp_path)
    assert preview.files == [("MLTable", 14), ("a.PNG", 4)]
    assert preview.text == "type: mltable\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\xff\xfe", "neither text in UTF-8"),
        ("a.txt", b"a\0b", "neither text nor"),
        ("a.csv", f"a\n{'x' * 200_000}", "field larger than field limit"),
        ("a.jsonl", '{"a": 1}\n{', "line 2 is not valid JSON"),
        ("a.jsonl", "[" * 100_000, "line 1 is not valid JSON"),
        ("a.jsonl", "", "the file is empty"),
        ("a.parquet", b"PAR1" * 9, "it is not a valid Parquet file"),
        ("a.parquet", b"", "it is not a valid Parquet file"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(write, name, content, reason):
    preview = preview_data(write(name, content))
    assert reason in preview.note
    assert "\n" not in preview.note
    assert not preview.rows
    assert not preview.text


def test_missing_special_and_large_files(write, tmp_path):
    assert "there is no file" in preview_data(tmp_path / "missing").note
    os.mkfifo(tmp_path / "pipe.csv")
    assert "there is no file" in preview_data(tmp_path / "pipe.csv").note
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(6_000_000)
    assert preview_data(tmp_path / "a.png").note == "No preview: the image has more than 5 MB."


def test_the_module_imports_neither_pandas_nor_pyarrow():
    code = (
        "import sys, json, azureml_local.studio.previews;"
        "print(json.dumps([each for each in ('pandas', 'pyarrow', 'yaml') if each in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []
