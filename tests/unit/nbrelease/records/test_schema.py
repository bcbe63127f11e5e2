"""The published schema: it is that of the models, real records keep it, the docs list its fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import packs
import pytest

from nbrelease.cli import main
from nbrelease.records import schema

DOCS = Path(__file__).parents[4] / "docs"


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schema.text())
    return found


def test_what_ships_is_the_schema_of_the_models():
    hint = "a field of the record changed: make schema, and its row in docs/evidence.md"
    assert schema.text() == schema.written(), hint
    assert (DOCS / "schema" / schema.FILE.name).read_text(encoding="utf-8") == schema.text(), hint


def test_the_command_prints_it(capfd, shipped):
    assert main(["evidence", "schema"]) == 0
    assert json.loads(capfd.readouterr().out) == shipped


@pytest.mark.parametrize("make", packs.ALL, ids=lambda make: make.__name__)
def test_records_keep_it(english, shipped, make):
    validator = jsonschema.Draft202012Validator(shipped)
    validator.check_schema(shipped)
    record = json.loads((english[make.__name__].folder / "record.json").read_text())
    assert [error.message for error in validator.iter_errors(record)] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("schema_version", "2.0"), ("verdict", "good"), ("surplus", 1), ("tests", {"total": "1"})],
)
def test_it_refuses_what_is_none(english, shipped, field, value):
    record = json.loads((english["full"].folder / "record.json").read_text())
    assert not jsonschema.Draft202012Validator(shipped).is_valid({**record, field: value})


def test_the_docs_list_each_field_and_no_other(shipped):
    text = (DOCS / "evidence.md").read_text(encoding="utf-8")
    top = rows(text.partition("### The record")[2].partition("### Its parts")[0])
    listed = {field for fields, _ in top for field in names(fields)}
    assert listed == set(shipped["properties"])
    parts = rows(text.partition("### Its parts")[2])
    listed_parts = {names(part)[0]: set(names(fields)) for part, fields, _ in parts}
    assert listed_parts == {
        name: set(part.get("properties", {})) for name, part in shipped["$defs"].items()
    }
    assert all(cells[-1].strip() for cells in [*top, *parts])


def rows(text: str) -> list[list[str]]:
    """The cells of the rows of a table whose first cell names something."""
    found = [
        line.strip().strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")
    ]
    return [[cell.strip() for cell in cells] for cells in found]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
