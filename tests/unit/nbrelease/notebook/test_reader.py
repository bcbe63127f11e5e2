"""Both readers of a notebook, ours and nbformat, see the same cells with the same ids."""

from __future__ import annotations

import json

import pytest

from nbrelease.errors import NotebookFormatError
from nbrelease.export.file_locations import find_source_spans
from nbrelease.notebook import load_nbformat, read
from nbrelease.notebook.clean import clean_notebook


def write(path, ids, *, minor=5, prefix=b""):
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "x"}
        | ({"id": cell_id} if cell_id else {})
        for cell_id in ids
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
    path.write_bytes(prefix + json.dumps(content).encode())
    return path


@pytest.mark.parametrize(
    ("ids", "options"),
    [
        (["a", "b"], {}),
        (["a", "b"], {"prefix": b"\xef\xbb\xbf"}),
        (["a", None], {}),
        ([None, None], {"minor": 4}),
    ],
)
def test_ids_are_equal(tmp_path, ids, options):
    path = write(tmp_path / "some.ipynb", ids, **options)
    expected = [cell_id or f"cell-{index}" for index, cell_id in enumerate(ids)]
    assert [cell.id for cell in read(path).cells] == expected
    assert [cell.id for cell in load_nbformat(path).cells] == expected


@pytest.mark.parametrize(
    ("colab", "expected"),
    [
        (["x1", "-_2"], ["x1", "-_2"]),
        (["x1", "x1"], ["x1", "cell-1"]),
        (["a b", "x" * 65], ["cell-0", "cell-1"]),
        ([1, None], ["cell-0", "cell-1"]),
    ],
)
def test_ids_of_colab_are_the_same_for_every_reader(tmp_path, colab, expected):
    path = write(tmp_path / "some.ipynb", [None, None], minor=0)
    content = json.loads(path.read_bytes())
    for cell, cell_id in zip(content["cells"], colab, strict=True):
        cell["metadata"]["id"] = cell_id
    path.write_text(json.dumps(content))
    assert [cell.id for cell in read(path).cells] == expected
    assert [cell.id for cell in load_nbformat(path).cells] == expected
    assert list(find_source_spans(path.read_text())) == expected
    cleaned = json.loads(clean_notebook(path.read_bytes()))
    assert [cell["id"] for cell in cleaned["cells"]] == expected


@pytest.mark.parametrize("ids", [["a", "a"], ["cell-1", None]])
def test_repeated_ids_are_rejected(tmp_path, ids):
    with pytest.raises(NotebookFormatError) as caught:
        load_nbformat(write(tmp_path / "some.ipynb", ids))
    assert "nbrelease clean" in caught.value.fix
