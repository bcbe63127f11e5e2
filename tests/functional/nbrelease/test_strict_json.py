"""Every JSON file of a pack is valid for strict parsers: there is no NaN and no infinity."""

from __future__ import annotations

import json

import nbformat
import pytest

from nbrelease.cli import main
from nbrelease.records import result_of

pytestmark = pytest.mark.functional

DISPLAY = """
from IPython.display import JSON, display
display(JSON({"a": float("nan"), "b": [float("inf")]}))
display({"application/vnd.plotly.v1+json": {"y": [float("nan"), 1]}}, raw=True)
display(1, metadata={"z": float("-inf")})
"""


def refuse(constant: str) -> None:
    raise ValueError(constant)


@pytest.mark.filterwarnings("ignore")
def test_values_that_json_lacks(project, capfd):
    path = project.runbook("01_a", ("show", [], DISPLAY), ("t", ["test"], "assert True"))
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["measured"] = float("nan")
    nbformat.write(notebook, path)
    assert main(["run", "01_a", "--env", "dev"]) == 2  # before anything runs
    assert not list(project.root.glob("evidence/*/notebooks/*"))
    capfd.readouterr()
    assert main(["clean", str(path)]) == 0
    assert main(["run", "01_a", "--env", "dev"]) == 0
    [pack] = {each.parents[1] for each in project.root.glob("evidence/*/notebooks/*.ipynb")}
    assert main(["evidence", "build", "--env", "dev", pack.name]) == 0
    files = [each for each in pack.rglob("*") if each.suffix in (".json", ".ipynb")]
    assert len(files) >= 4
    for each in files:
        json.loads(each.read_text(encoding="utf-8"), parse_constant=refuse)
    executed = json.loads((pack / "notebooks" / "01_a.ipynb").read_text(encoding="utf-8"))
    kinds = [each["output_type"] for each in executed["cells"][0]["outputs"]]
    assert kinds.count("display_data") == 3
    assert main(["evidence", "verify", str(pack)]) == 0


def test_a_published_value_that_json_lacks_fails_its_cell(project):
    source = "from nbrelease import record\nrecord(auc=float('nan'))"
    project.runbook("01_a", ("publish", [], source))
    assert main(["run", "01_a", "--env", "dev"]) == 1
    [path] = project.root.glob("evidence/*/notebooks/01_a.ipynb")
    assert result_of(path).values == {}
