"""The published schema and its reference equal those of the models; records are valid."""

from __future__ import annotations

import json
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
    content: dict[str, Any] = json.loads(schema.read_schema())
    return content


def test_what_ships_is_the_schema_of_the_models():
    hint = "a field of the record changed: make schema"
    assert schema.read_schema() == schema.render_schema(), hint
    assert (DOCS / "schema" / schema.FILE.name).read_text(
        encoding="utf-8"
    ) == schema.read_schema(), hint


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


def test_the_reference_in_the_docs_is_that_of_the_models():
    assert (DOCS / "record.md").read_text(encoding="utf-8") == schema.render_reference(), (
        "make schema"
    )


def test_every_field_and_part_has_a_description(shipped):
    for name, part in [*shipped["properties"].items(), *shipped["$defs"].items()]:
        assert part.get("description"), name
