"""Lines of cells are located in the notebook file, in any JSON layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbrelease.export.diagnostic import RULES, Diagnostic
from nbrelease.export.file_locations import locate_in_file
from nbrelease.export.formatters import FORMATS

SOURCE = 'a = "ä\\t\\"q\\"😀"; one\n\nif x:\n    two = 1\n'


def diagnostic(path: str, mark: str) -> Diagnostic:
    [line] = [number for number, text in enumerate(SOURCE.split("\n"), 1) if mark in text]
    column = SOURCE.split("\n")[line - 1].index(mark) + 1
    return Diagnostic(RULES["NBR302"], path, "c", line, column, "what", "fix")


@pytest.mark.parametrize("mark", ["one", "two"])
@pytest.mark.parametrize(
    "source",
    [SOURCE, SOURCE.splitlines(keepends=True), [SOURCE[:10], SOURCE[10:30], SOURCE[30:]]],
    ids=["string", "lines", "parts"],
)
@pytest.mark.parametrize(
    "form",
    [{"indent": 1, "ensure_ascii": False}, {"indent": 4}, {}, {"indent": 1, "sort_keys": True}],
)
def test_location_in_the_file_is_that_of_the_code(tmp_path, form, source, mark):
    cells = [
        {"id": "b", "source": []},
        {"outputs": [{"id": "c", "source": ["x"]}], "id": "c", "source": source},
    ]
    (tmp_path / "some.ipynb").write_text(
        json.dumps({"nbformat": 4, "cells": cells}, **form), "utf-8"
    )
    line, column = locate_in_file(diagnostic("some.ipynb", mark), tmp_path)
    assert (
        (tmp_path / "some.ipynb")
        .read_text("utf-8")
        .split("\n")[line - 1][column - 1 :]
        .startswith(mark)
    )


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"cells": 1}', b"[" * 100_000])
def test_unreadable_file_gives_the_location_in_the_cell(tmp_path, content):
    (tmp_path / "some.ipynb").write_bytes(content)
    assert locate_in_file(diagnostic("some.ipynb", "two"), tmp_path) == (4, 5)
    assert locate_in_file(diagnostic("none.ipynb", "two"), tmp_path) == (4, 5)


@pytest.mark.parametrize("output_format", list(FORMATS))
def test_every_form_names_place_code_and_fix_in_any_path(tmp_path, output_format):
    text = FORMATS[output_format]([diagnostic("a b/[x];100%,ä.ipynb", "two")], Path(tmp_path))
    assert "NBR302" in text
    assert "fix" in text
    if output_format in ("json", "sarif"):
        json.loads(text)
    if output_format == "sarif":
        assert '"uri": "a%20b/%5Bx%5D%3B100%25%2C%C3%A4.ipynb"' in text
    if output_format == "ado":
        assert "sourcepath=a b/[x%5D%3B100%AZP25,ä.ipynb;" in text
    if output_format == "github":
        assert "file=a b/[x];100%25%2Cä.ipynb,line=4,col=5," in text
