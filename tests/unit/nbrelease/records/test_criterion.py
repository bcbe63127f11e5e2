"""A criterion's result: its comparison, its texts, and how records of schema 1.0 are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import packs
import pytest

from nbrelease import files
from nbrelease.attestation import manifest
from nbrelease.pack import build_pack, load_record
from nbrelease.records.criterion import CriterionResult, CriterionText
from nbrelease.records.published import Gate
from nbrelease.verification import verify

TEXT = {
    "name": "roc_auc", "metric": "roc_auc", "limit": "at least 0.8", "found": 0.7, "passed": False,
    "why": "roc_auc: 0.7, at least 0.8 asked: not met", "relative": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "name", "limit"),
    [
        ({"operator": "at least", "threshold": 0.8}, "roc_auc", "at least 0.8"),
        ({"operator": "at most", "threshold": 0.1, "slice": "Age 0 to 30"}, "roc_auc (Age 0 to 30)", "at most 0.1"),
        ({"operator": "at least", "threshold": 0, "baseline": "champion", "interval_end": "low"}, "roc_auc against the champion", "at least 0"),
        ({"operator": "at most", "threshold": 0.2, "slice": "Age", "baseline": "champion"}, "roc_auc (Age)", "at most 0.2"),
        ({"operator": "present", "slice": "Age"}, "roc_auc Age", "there"),
    ],
)  # fmt: skip
def test_the_texts_of_schema_1_0_are_made_from_the_fields(fields, name, limit):
    result = CriterionResult(metric="roc_auc", passed=False, **fields)
    assert (result.name, result.limit) == (name, limit)
    assert result.relative == ("baseline" in fields)


@pytest.mark.parametrize(
    ("operator", "value", "met"),
    [("at least", 0.8, True), ("at least", 0.7, False), ("at most", 0.8, True), ("at most", 0.9, False), ("at least", None, False)],
)  # fmt: skip
def test_a_value_is_compared_with_the_threshold(operator, value, met):
    result = CriterionResult(metric="a", operator=operator, threshold=0.8, value=value, passed=True)
    assert result.meets_threshold is met


def test_a_text_cannot_contradict_the_fields():
    published = packs.criterion("roc_auc", 0.9, "at least", 0.8)
    [read] = Gate(verdict="passed", criteria=[published | {"limit": "at least 0.1"}]).criteria
    assert isinstance(read, CriterionResult)
    assert read.limit == "at least 0.8"


def test_a_criterion_of_schema_1_0_keeps_its_texts():
    [read] = Gate.model_validate({"verdict": "failed", "criteria": [TEXT]}).criteria
    assert isinstance(read, CriterionText)
    assert read.model_dump() == TEXT


def as_written_by_an_earlier_version(folder: Path, **changes: Any) -> None:
    """Change the record, as an earlier version would have written it, and its renderer."""
    path = folder / "record.json"
    record = json.loads(path.read_text(encoding="utf-8")) | {"schema_version": "1.0"} | changes
    path.write_text(json.dumps(record), encoding="utf-8")
    path = folder / manifest.NAME
    listed = json.loads(path.read_text(encoding="utf-8")) | {"renderer": "0" * 64}
    listed["files"]["record.json"] = files.sha256(folder / "record.json")
    path.write_text(json.dumps(listed), encoding="utf-8")


def test_a_pack_of_schema_1_0_verifies(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    gate = {"verdict": "passed", "criteria": [TEXT | {"found": 0.9, "passed": True}]}
    pack.runbook("03_register", [packs.cell("a")], values={"gate": gate})
    build_pack(pack.folder, card=False)
    as_written_by_an_earlier_version(pack.folder)
    assert load_record(pack.folder).schema_version == "1.0"
    report = verify(pack.folder)
    assert [(n, r.reason) for n, r in report.results.items() if r.state == "failed"] == []


@pytest.mark.parametrize(("code", "state"), [("gate", "passed"), ("runbook failed", "failed")])
def test_texts_of_an_earlier_version_may_differ_and_codes_may_not(tmp_path, code, state):
    folder = packs.refused(tmp_path)
    because = build_pack(folder, card=False).because
    about = because.about | {"why": "in other words"}
    changes = {"reason": "other words", "because": {"code": code, "about": about}}
    as_written_by_an_earlier_version(folder, **changes)
    assert verify(folder).results["record"].state == state


@pytest.mark.parametrize(("value", "passed"), [(0.7, True), (0.9, False), (None, True)])
def test_verify_compares_each_value_with_its_threshold(tmp_path, value, passed):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    fields = {"metric": "roc_auc", "operator": "at least", "threshold": 0.8}
    criteria = [{**fields, "value": value, "passed": passed}]
    verdict = "passed" if passed else "failed"
    gate = {"verdict": verdict, "criteria": criteria}
    pack.runbook("03_register", [packs.cell("a")], values={"gate": gate})
    build_pack(pack.folder, card=False)
    assert verify(pack.folder).results["gate"].state == "failed"
