"""A pack in which secrets were masked verifies, and its code contains no secret."""

from __future__ import annotations

import json

import pytest

from nbrelease.cli import main
from nbrelease.verification import verify

pytestmark = pytest.mark.functional

SECRET = "a1B2" * 12


def test_a_runbook_and_an_exported_notebook_with_a_secret(project, capfd):
    root = project.root
    project.runbook(
        "01_a",
        ("p", ["parameters"], "note: str = 'x'"),
        ("literal", ["check"], f"key = 'AccountKey={SECRET}'\nprint(key)"),
        ("told", [], "from nbrelease import record\nrecord(told=note)"),
        ("t", ["test"], "assert True"),
        outputs={},
    )
    notebook = {
        "cells": [
            {
                "cell_type": "code", "id": "a", "metadata": {"tags": ["main"]}, "outputs": [],
                "execution_count": None, "source": ["print('nothing yet')\n", "print(1)"],
            }
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "python3"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    path = root / "notebooks" / "train.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook))
    assert main(["export"]) == 0
    # The secret comes after the export, as in a notebook with an experiment.
    notebook["cells"][0]["source"][0] = f"print('AccountKey={SECRET}')\n"
    path.write_text(json.dumps(notebook))

    assert main(["run", "01_a", "--env", "dev", "-p", f"note=AccountKey={SECRET}"]) == 0
    [pack] = (root / "evidence").iterdir()
    assert main(["evidence", "build", "--env", "dev", pack.name]) == 0
    report = verify(pack)
    assert not report.failed, report.text()
    assert report.results["runbooks"].state == "passed"
    assert report.results["export"].state == "not applicable"
    assert "code/notebooks/train.ipynb" in report.results["export"].reason
    assert not [p for p in pack.rglob("*") if p.is_file() and SECRET in p.read_text("utf-8")]
    record = json.loads((pack / "record.json").read_text())
    hidden = {each["file"] for each in record["masked"]}
    assert {"code/notebooks/train.ipynb", "code/runbooks/01_a.ipynb"} <= hidden
