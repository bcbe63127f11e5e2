"""contract.json: written by the export, read for settings and jobs."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import nbformat
import pytest

from nbrelease.cli import main
from nbrelease.contract import Contract, MetricFunction, job_inputs
from nbrelease.errors import ExitCode, SettingsError

PARAMETERS = """\
from datetime import date
from pathlib import Path
from typing import Literal

input_data: str = "../data/rows.csv"  # the rows
zones: Path = Path("../data/zones.csv")
output_model: Path = Path("model")
# Model
depth: int | None = None  # of a tree
rate: float = 0.1
fast: bool = False
kind: Literal["one", "two"] = "one"
columns: list[str] = ["a"]
since: date = date(2026, 1, 31)
extra: dict = {"a": 1}
maxRows: int = 5
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The exported module of a notebook with all types of parameters and a metric."""
    cells = [
        ("parameters", PARAMETERS),
        ("metric", '#| metric lower\ndef cost(label, prediction):\n    """Cost in euros."""\n    return 0.0'),
        ("main", "print(rate)"),
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(source, id=tag, metadata={"tags": [tag]})
            for tag, source in cells
        ]
    )
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "fit.ipynb")
    (tmp_path / "settings.ini").write_text("[DEFAULT]\n")
    monkeypatch.chdir(tmp_path)
    assert main(["export"]) == ExitCode.DONE
    return tmp_path / "exported" / "fit"


def test_the_contract_has_what_the_notebook_declares(folder):
    contract = Contract.load(folder)
    assert contract.notebook == "notebooks/fit.ipynb"
    assert contract.metrics == (MetricFunction("cost", "lower", "Cost in euros."),)
    assert contract.functions == ("cost", "main")
    declared = {each.name: each for each in contract.parameters}
    assert declared["depth"].value is None
    assert declared["depth"].help == "of a tree"
    assert declared["depth"].group == "Model"
    assert declared["kind"].choices == ("one", "two")
    assert declared["since"].value == date(2026, 1, 31)
    assert [each.name for each in contract.data] == ["input_data", "zones"]
    assert [each.name for each in contract.outputs] == ["output_model"]
    assert contract.values[0].name == "depth"


def test_a_contract_that_is_out_of_date_is_reported(folder, capsys):
    path = folder / "contract.json"
    before = path.read_text()
    assert main(["export", "--check"]) == ExitCode.DONE
    path.write_text(before.replace("0.1", "0.2"))
    assert main(["export", "--check"]) == ExitCode.FAILED
    assert "exported/fit/contract.json:1:1: error NBR601" in capsys.readouterr().err
    assert main(["export"]) == ExitCode.DONE
    assert path.read_text() == before


def test_texts_are_typed(folder):
    texts = {
        "rate": "2", "fast": "yes", "depth": "None", "columns": "x, y", "since": "2026-02-28",
        "extra": '{"b": [2]}', "maxrows": "7",
    }  # fmt: skip
    with pytest.raises(SettingsError, match=r"^there fast: .*\(got 'yes'\)"):
        Contract.load(folder).parse(texts, lambda name: f"there {name}")
    values = Contract.load(folder).parse({**texts, "fast": "true"}, str)
    assert values == {
        "depth": None, "rate": 2.0, "fast": True, "columns": ["x", "y"], "since": date(2026, 2, 28),
        "extra": {"b": [2]}, "maxRows": 7,
    }  # fmt: skip
    assert job_inputs(values) == {
        "depth": "None", "rate": 2.0, "fast": True, "columns": '["x", "y"]', "since": "2026-02-28",
        "extra": '{"b": [2]}', "maxRows": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("raet", "1", "rate?"),
        ("zzz", "1", "input_data, zones"),
        ("rate", "much", "(got 'much')"),
        ("kind", "three", "'one' or 'two'"),
    ],
)
def test_an_error_has_the_place_and_the_closest_name(folder, name, text, expected):
    with pytest.raises(SettingsError) as caught:
        Contract.load(folder).parse({name: text}, lambda name: f"settings.ini:3 [train] {name}")
    assert str(caught.value).startswith(f"settings.ini:3 [train] {name}: ")
    assert expected in str(caught.value)


def test_the_arguments_of_a_job(folder):
    arguments = Contract.load(folder).arguments(["rate", "input_data"])
    assert arguments == (
        "--input_data=${{inputs.input_data}} --output_model=${{outputs.output_model}} "
        "--rate=${{inputs.rate}}"
    )


def test_a_missing_or_damaged_contract_is_an_error(folder):
    path = folder / "contract.json"
    content = json.loads(path.read_text())
    for text in ("{", json.dumps({**content, "schema_version": 9}), json.dumps({"a": 1})):
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"exported/fit/contract\.json"):
            Contract.load(folder)
    path.unlink()
    with pytest.raises(SettingsError, match=r"exported/fit/contract\.json"):
        Contract.load(folder)
