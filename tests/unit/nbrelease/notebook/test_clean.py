"""Cleaning strips run outputs, keeps everything else and is idempotent."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbrelease.notebook.clean import clean_notebook

ROOT = Path(__file__).parents[4]


def cell(cell_id, source="x = 1", tags=(), **more):
    return {
        "cell_type": "code", "execution_count": 7, "id": cell_id,
        "metadata": {"tags": list(tags), "execution": {"iopub.busy": "now"}, "jupyter": {"source_hidden": True}},
        "outputs": [{"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": {"text/plain": ["1"]}}],
        "source": source, **more,
    }  # fmt: skip


def notebook(*cells):
    return {
        "cells": list(cells), "nbformat": 4, "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "version": "3.11.7"}, "papermill": {"duration": 1}, "title": "kept",
        },
    }  # fmt: skip


def clean(content) -> dict:
    return json.loads(clean_notebook(json.dumps(content).encode()))


def test_run_outputs_are_removed_and_the_rest_is_kept():
    cleaned = clean(notebook(cell("a", tags=["export"])))
    [one] = cleaned["cells"]
    assert one == {
        "cell_type": "code", "execution_count": None, "id": "a", "outputs": [], "source": ["x = 1"],
        "metadata": {"tags": ["export"], "jupyter": {"source_hidden": True}},
    }  # fmt: skip
    assert cleaned["metadata"] == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"}, "title": "kept",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "tags"),
    [("x", ["check"]), ("x", ["keep_output"]), ("x", ["nbval-check-output"]), ("# NBVAL_CHECK_OUTPUT\nx", []), ("#| check\nx", [])],
)  # fmt: skip
def test_checked_outputs_are_kept(source, tags):
    [one] = clean(notebook(cell("a", source, tags)))["cells"]
    assert one["outputs"][0]["data"] == {"text/plain": ["1"]}
    assert (one["execution_count"], one["outputs"][0]["execution_count"]) == (1, 1)


def test_cells_added_by_papermill_are_removed():
    cleaned = clean(
        notebook(cell("a", tags=["parameters"]), cell("b", tags=["injected-parameters"]))
    )
    assert [each["id"] for each in cleaned["cells"]] == ["a"]


def test_a_run_does_not_change_the_cleaned_bytes():
    once = clean_notebook(json.dumps(notebook(cell("a"), cell("b", tags=["check"]))).encode())
    run = json.loads(once)
    for number, each in enumerate(run["cells"], start=3):
        each["execution_count"] = number
        each["metadata"]["execution"] = {"shell.execute_reply": str(number)}
        each["outputs"] = copy.deepcopy(cell("x")["outputs"])
        each["outputs"][0]["execution_count"] = number
    run["metadata"]["language_info"] = {"name": "python", "version": "3.13"}
    assert clean_notebook(json.dumps(run).encode()) == once


def test_missing_and_repeated_ids_are_assigned():
    cells = [cell("a"), cell("a"), cell("a-2"), cell("b"), cell("cell-1")]
    del cells[3]["id"]
    cleaned = clean({**notebook(*cells), "nbformat_minor": 4})
    ids = [each["id"] for each in cleaned["cells"]]
    assert ids == ["a", "a-2", "a-2-2", "cell-3", "cell-1"]
    assert cleaned["nbformat_minor"] == 5
    assert clean(cleaned) == cleaned


def test_what_colab_and_databricks_write_at_a_run_is_removed():
    databricks = "application/vnd.databricks.v1+cell"
    colab = cell("a", tags=["export"])
    colab["metadata"] |= {
        "id": "tXqBg8GPqzMd", "outputId": "9e7b", "colab": {"base_uri": "https://localhost", "height": 34},
        "executionInfo": {"status": "ok", "timestamp": 1, "user": {"displayName": "Ada", "userId": "1"}},
    }  # fmt: skip
    other = cell("b")
    other["metadata"] |= {
        "colab": {"height": 3, "background_save": True},
        databricks: {"cellMetadata": {"byteLimit": 1, "rowLimit": 2, "own": 3}, "title": "Load"},
        "vscode": {"languageId": "sql", "interpreter": {"hash": "1"}},
    }
    first, second = clean(notebook(colab, other))["cells"]
    kept = {"jupyter": {"source_hidden": True}}
    assert first["metadata"] == {**kept, "tags": ["export"], "id": "tXqBg8GPqzMd"}
    assert second["metadata"] == {
        **kept, "tags": [], "colab": {"background_save": True}, "vscode": {"languageId": "sql"},
        databricks: {"cellMetadata": {"own": 3}, "title": "Load"},
    }  # fmt: skip


def test_cells_without_an_id_get_that_of_colab():
    cells = [cell("-"), cell("-"), cell("-"), cell("-"), cell("taken"), cell("own")]
    for each, colab in zip(
        cells, ("tXqBg8GPqzMd", "tXqBg8GPqzMd", "not valid", "taken"), strict=False
    ):
        del each["id"]
        each["metadata"]["id"] = colab
    cells[5]["metadata"]["id"] = "other"
    cleaned = clean({**notebook(*cells), "nbformat_minor": 0})
    ids = [each["id"] for each in cleaned["cells"]]
    assert ids == ["tXqBg8GPqzMd", "cell-1", "cell-2", "cell-3", "taken", "own"]
    assert clean(cleaned) == cleaned


def test_attachments_are_kept():
    attachments = {"plot.png": {"image/png": "iVBORw0KGgo="}}
    markdown = {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": ["![plot](attachment:plot.png)"],
        "attachments": attachments,
    }
    assert clean(notebook(markdown))["cells"][0]["attachments"] == attachments


TEXTS = st.text(max_size=20)
CELLS = st.builds(
    cell, TEXTS, TEXTS, st.lists(st.sampled_from(["check", "export", "main", "tést"]), max_size=3)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(CELLS, max_size=5, unique_by=lambda each: each["id"]))
def test_clean_is_idempotent_and_keeps_tags_and_sources(cells):
    content = notebook(*cells)
    once = clean_notebook(json.dumps(content).encode())
    assert clean_notebook(once) == once
    for before, after in zip(cells, json.loads(once)["cells"], strict=True):
        assert (after["id"], after["metadata"]["tags"]) == (
            before["id"],
            before["metadata"]["tags"],
        )
        assert "".join(after["source"]) == before["source"]


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("runbooks/*.ipynb")]),
    ids=lambda path: path.name,
)
def test_committed_notebooks_keep_sources_ids_and_tags(path):
    before, after = json.loads(path.read_bytes()), json.loads(clean_notebook(path.read_bytes()))
    assert [c["id"] for c in after["cells"]] == [c["id"] for c in before["cells"]]
    assert ["".join(c["source"]) for c in after["cells"]] == [
        "".join(c["source"]) for c in before["cells"]
    ]
    assert [c["metadata"].get("tags") for c in after["cells"]] == [
        c["metadata"].get("tags") for c in before["cells"]
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"nbformat": 3}',
        b'{"nbformat": 4, "cells": [1]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_other_content_is_rejected(content):
    with pytest.raises(ValueError):
        clean_notebook(content)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_rejected_or_cleaned(seed):
    chance = random.Random(seed)
    content = bytearray(json.dumps(notebook(cell("a"), cell("b", tags=["check"]))).encode())
    for _ in range(3):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        once = clean_notebook(bytes(content))
    except ValueError:
        return
    assert clean_notebook(once) == once
