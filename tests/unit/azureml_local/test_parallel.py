"""Parallel steps: settings, division of data, and tables by an MLTable file."""

from __future__ import annotations

import json
import os

import pytest

from azureml_local.batch import parallel_driver
from azureml_local.batch.driver import MiniBatch, score_batches
from azureml_local.batch.mltable import InvalidTable, Table
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.parallel_settings import ParallelSettings, parallel_fields

TASK = {"type": "run_function", "entry_script": "score.py"}
FIELDS = {"task": TASK, "input_data": "${{inputs.data}}"}
READ = "paths:\n- pattern: ./*.csv\ntransformations:\n- read_delimited: {}\n"
PATHS = "paths: [{{file: a.csv}}]\ntransformations: [{}]\n"
DELIMITED = "transformations:\n- read_delimited: {}\n"


def write_table(folder, text, **files):
    folder.mkdir()
    (folder / "MLTable").write_text(text)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def divide_input(source, *, is_mltable=False, size=0, keys=()):
    spec = {
        "input": str(source),
        "is_mltable": is_mltable,
        "mini_batch_size": size,
        "partition_keys": list(keys),
    }
    return [batch.content for batch in parallel_driver.divide(spec)], spec


def test_defaults():
    settings = ParallelSettings.parse(FIELDS)
    assert (settings.max_retries, settings.seconds, settings.concurrency) == (2, 60, os.cpu_count())
    assert (settings.error_threshold, settings.mini_batch_error_threshold) == (-1, -1)
    assert (settings.allowed_failed_percent, settings.logging_level) == (100, "INFO")


def test_settings_of_step_component_and_arguments():
    spec = {**FIELDS, "mini_batch_size": "10kb", "error_threshold": 7, "logging_level": "WARN"}
    node = {
        "mini_batch_size": 5,
        "partition_keys": '["a", "b"]',
        "retry_settings": {"max_retries": "0", "timeout": 3},
        "task": {**TASK, "program_arguments": "--error_threshold 4 --allowed_failed_percent 30"},
    }
    settings = ParallelSettings.parse(parallel_fields(node, spec))
    assert ParallelSettings.parse(parallel_fields({}, spec)).mini_batch_size == 10240
    assert (settings.mini_batch_size, settings.partition_keys) == (5, ("a", "b"))
    assert (settings.max_retries, settings.seconds, settings.logging_level) == (0, 3, "WARNING")
    assert (settings.error_threshold, settings.allowed_failed_percent) == (4, 30)


@pytest.mark.parametrize(
    ("change", "error", "place"),
    [
        ({"task": {"type": "model", "model": "m"}}, NotSupported, "model"),
        ({"task": {"type": "run_function"}}, BadRequest, "entry_script"),
        ({"input_data": "data"}, BadRequest, "input_data"),
        ({"mini_batch_size": "ten"}, BadRequest, "mini_batch_size"),
        ({"partition_keys": "Store"}, BadRequest, "partition_keys"),
        ({"retry_settings": {"timeout": 0}}, BadRequest, "timeout"),
        ({"error_threshold": -2}, BadRequest, "error_threshold"),
        ({"logging_level": "LOUD"}, BadRequest, "logging_level"),
        ({"task": {**TASK, "program_arguments": "--note it's"}}, BadRequest, "program_arguments"),
        ({"task": {**TASK, "program_arguments": "--error_threshold"}}, BadRequest, "threshold"),
        ({"task": {**TASK, "append_row_to": "it's"}}, BadRequest, "append_row_to"),
    ],
)
def test_invalid_settings(change, error, place):
    with pytest.raises(error, match=place):
        ParallelSettings.parse(FIELDS | change)


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ("--error_threshold=0 --allowed_failed_percent=30", (0, 30)),
        ("--error_threshold -1 --rows=5", (-1, 100)),
        ("--error_thresh 3 --model ${{inputs.model}}", (7, 100)),  # an option of the script
    ],
)
def test_thresholds_in_arguments(arguments, limits):
    task = {**TASK, "program_arguments": arguments}
    settings = ParallelSettings.parse(FIELDS | {"task": task, "error_threshold": 7})
    assert (settings.error_threshold, settings.allowed_failed_percent) == limits


def test_expressions_name_inputs_and_outputs():
    task = {**TASK, "append_row_to": "${{outputs.lines}}/a.csv"}
    settings = ParallelSettings.parse(FIELDS | {"task": task})
    settings.check_expressions({"data": {"jobInputType": "uri_folder"}}, {"lines": {}})
    for values in (({"data": {"jobInputType": "uri_folder"}}, {}), ({}, {"lines": {}})):
        with pytest.raises(BadRequest):
            settings.check_expressions(*values)


def test_files_by_number(tmp_path):
    for number in range(12):
        (tmp_path / f"{number:02}.txt").touch()
    contents, _ = divide_input(tmp_path, size=5)
    assert [len(each["files"]) for each in contents] == [5, 5, 2]
    assert [each["index"] for each in contents] == [0, 1, 2]
    assert [len(each["files"]) for each in divide_input(tmp_path)[0]] == [10, 2]


def test_mltable_without_reader_is_a_list_of_files(tmp_path):
    folder = write_table(tmp_path / "t", "paths:\n- file: ./a.png\n", **{"a.png": "", "b.png": ""})
    contents, spec = divide_input(folder, is_mltable=True)
    assert contents == [{"index": 0, "files": [str(folder / "a.png")]}]
    assert "table" not in spec


def test_rows_by_bytes(tmp_path):
    files = {"a.csv": "x,y\n" + "1,22\n" * 100}
    folder = write_table(tmp_path / "t", f"paths:\n- file: ./a.csv\n{DELIMITED}", **files)
    contents, spec = divide_input(folder, is_mltable=True, size=200)  # 5 bytes a row
    assert [each["rows"] for each in contents] == [(0, 39), (39, 78), (78, 100)]
    frame = Table(**spec["table"]).read([0])
    assert frame.shape == (100, 2)
    assert divide_input(folder, is_mltable=True)[0][0]["rows"] == (0, 100)  # 1 MB


def test_partitions_of_files_and_rows(tmp_path):
    text = (
        "paths:\n- pattern: ./*.csv\ntransformations:\n"
        "- extract_columns_from_partition_format: {partition_format: '{Store}_{Brand}.csv'}\n"
    )
    files = {"1_a.csv": "x\n5\n", "1_b.csv": "x\n6\n", "2_a.csv": "x\n7\n"}
    folder = write_table(tmp_path / "t", text, **files)
    contents, _ = divide_input(folder, is_mltable=True, keys=["Store"])
    assert [each["partition"] for each in contents] == [{"Store": "1"}, {"Store": "2"}]
    assert [len(each["files"]) for each in contents] == [2, 1]
    (folder / "MLTable").write_text(text + "- read_delimited: {}\n- drop_columns: Brand\n")
    contents, spec = divide_input(folder, is_mltable=True, keys=["Store", "Brand"])
    assert [each["tables"] for each in contents] == [[0], [1], [2]]
    assert Table(**spec["table"]).read([2]).to_dict("list") == {"x": [7], "Store": ["2"]}
    with pytest.raises(InvalidTable, match="City"):
        divide_input(folder, is_mltable=True, keys=["City"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("paths:\n- file: ./b.csv\n", "b.csv"),
        ("paths:\n- file: https://x/y.csv\n", "https://x/y.csv"),
        ("paths:\n- file: ./a.csv\ntransformations:\n- take: 5\n", "take"),
        ("paths: [", "YAML"),
        (READ.format("{delimeter: ;}"), "delimeter"),
        (READ.format("{infer_column_types: {sample_size: 9}}"), "infer_column_types"),
        (READ.format("{header: first}"), "first"),
        (READ.format("';'"), "read_delimited"),
        (READ.format("{}").replace("delimited", "json_lines: {invalid_lines: drop}#"), "invalid"),
    ],
)
def test_invalid_tables(tmp_path, text, place):
    folder = write_table(tmp_path / "t", text, **{"a.csv": "x\n1\n"})
    with pytest.raises(InvalidTable, match=place):
        divide_input(folder, is_mltable=True)


@pytest.mark.parametrize(
    "text",
    [
        "paths: [\n",
        "paths: {file: a.csv}\n: b",
        "",
        "- a",
        "a.csv",
        "transformations: []",
        "paths:",
        "paths: []",
        "paths: a.csv",
        "paths: [a.csv]",
        "paths: [null]",
        "paths: [{}]",
        "paths: [{file: a.csv, folder: b}]",
        "paths: [{file: 3}]",
        "paths: [{file: ''}]",
        "paths: [{file: }]",
        "paths: [{glob: a.csv}]",
        "paths: [{pattern: /*}]",
        PATHS.format("take"),
        PATHS.format("3"),
        PATHS.format("[]"),
        PATHS.format("{}"),
        PATHS.format("{read_delimited: {}, take: 3}"),
        PATHS.format("read_delimited").replace("[", "").replace("]", ""),
        PATHS.format("{read_delimited: []}"),
        PATHS.format("{read_delimited: false}"),
        PATHS.format("read_delimited, read_parquet"),
        PATHS.format("{extract_columns_from_partition_format: }"),
        PATHS.format("{extract_columns_from_partition_format: '{a}.csv'}"),
        PATHS.format("{extract_columns_from_partition_format: {partition_format: 3}}"),
        PATHS.format("{extract_columns_from_partition_format: {partition_format: '{a}{a}'}}"),
        PATHS.format("{drop_columns: }"),
        PATHS.format("{drop_columns: 3}"),
        PATHS.format("{keep_columns: [1]}"),
        PATHS.format("{keep_columns: {a: b}}"),
    ],
)
def test_malformed_tables(tmp_path, text):
    folder = write_table(tmp_path / "t", text, **{"a.csv": "x\n1\n"})
    with pytest.raises(InvalidTable, match="MLTable"):
        Table.parse(folder)
    spec = {"input": str(folder), "is_mltable": True, "mini_batch_size": 0, "partition_keys": []}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    assert parallel_driver.main(["", str(tmp_path / "spec.json")]) == 1


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (PATHS.format("{read_delimited: {encoding: utf99}}"), b"x\n1\n"),
        (PATHS.format("read_delimited"), b"\xff\xfe"),
        (PATHS.format("read_delimited"), b""),
        (PATHS.format("read_delimited"), b"x\n1\n1,2\n"),
        (PATHS.format("read_parquet"), b"x\n1\n"),
        (PATHS.format("read_json_lines"), b"x\n1\n"),
        (PATHS.format("read_delimited, {keep_columns: y}"), b"x\n1\n"),
    ],
)
def test_files_that_do_not_fit_the_table(tmp_path, text, content):
    folder = write_table(tmp_path / "t", text)
    (folder / "a.csv").write_bytes(content)
    with pytest.raises(InvalidTable, match="MLTable"):
        Table.parse(folder).read([0])


def test_a_table_that_is_not_text(tmp_path):
    (tmp_path / "MLTable").write_bytes(b"\xff\x00")
    with pytest.raises(InvalidTable, match="YAML"):
        Table.parse(tmp_path)


def test_names_of_columns_from_the_first_file(tmp_path):
    files = {"a.csv": "x,y\n1,2\n", "b.csv": "3,4\n5,6\n", "c.csv": "7\n"}
    text = READ.format("{header: from_first_file, include_path_column: true, path_column: file}")
    table = Table.parse(write_table(tmp_path / "t", text, **files))
    assert table.read([0, 1])[["x", "y"]].to_numpy().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert table.read([1]).columns.tolist() == ["file", "x", "y"]
    with pytest.raises(InvalidTable, match=r"c\.csv"):
        table.read([2])


def test_line_breaks_in_fields_need_support_multi_line(tmp_path):
    folder = write_table(tmp_path / "t", READ.format("{}"), **{"a.csv": 'x,y\n1,"a\nb"\n'})
    with pytest.raises(InvalidTable, match="support_multi_line"):
        Table.parse(folder).read([0])
    (folder / "MLTable").write_text(READ.format("{support_multi_line: true}"))
    assert Table.parse(folder).read([0])["y"].tolist() == ["a\nb"]


def scoring_spec(tmp_path, **fields):
    """The specification of a driver whose entry script returns the first column."""
    code = tmp_path / "code"
    code.mkdir()
    lines = "def init(): pass", "def run(mini_batch): return list(mini_batch.iloc[:, 0])"
    (code / "score.py").write_text("\n".join(lines))
    spec = {"processes": 1, "max_retries": 0, "seconds": 60, "append_row": True}
    spec |= {"output": str(tmp_path / "out.txt"), "environment": {}, "items": "rows"}
    return spec | {
        "code": str(code),
        "entry_script": "score.py",
        "logging_level": "INFO",
        **fields,
    }


def test_workers_get_a_table_longer_than_an_argument(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("x\n5\n6\n")
    table = Table([str(file)] * 10_000, "read_delimited")
    spec = scoring_spec(tmp_path, table=table.to_json())
    batches = [MiniBatch({"index": 0, "tables": [9_999]}, 2)]
    assert score_batches(spec, batches) == 0
    assert (tmp_path / "out.txt").read_text() == "5\n6\n"


def test_error_of_a_thread_fails_the_job(tmp_path, capfd):
    spec = scoring_spec(tmp_path, python=str(tmp_path / "no-python"))
    batches = [MiniBatch({"index": index, "files": ["a"]}, 1) for index in range(3)]
    assert score_batches(spec, batches) == 1
    assert "no-python" in capfd.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["code"]
