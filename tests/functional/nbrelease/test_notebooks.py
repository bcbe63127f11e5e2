"""The shipped notebooks run by hand: no release, no tracking server, on the sample data."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from preloaded_python import MODELS

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of notebooks/ and data/, without what a run may have left there."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, tmp_path / "notebooks")
    shutil.copy(ROOT / "data" / "diabetes-sample.csv", tmp_path / "data")
    return tmp_path / "notebooks"


@pytest.fixture(scope="module")
def kernel(python, tmp_path_factory) -> dict[str, str]:
    """The variables that select a kernel with its imports done."""
    python.load(MODELS)
    return python.write_kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture
def execute(python, kernel, folder) -> Callable[..., tuple[int, dict]]:
    """Executes a notebook of the folder with parameters."""

    def run(name: str, **parameters: str) -> tuple[int, dict]:
        words = [word for pair in parameters.items() for word in ("-p", *pair)]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")
        }
        done = python.run(
            *("papermill", "--no-progress-bar", "-k", "python3", *words),
            *(f"{name}.ipynb", "out.ipynb"),
            cwd=folder,
            env=environment | kernel,
        )
        return done.returncode, json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))

    return run


def pictures(notebook: dict) -> set[str]:
    return {
        cell["id"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }


def metrics(folder: Path) -> dict[str, float]:
    with sqlite3.connect(folder / "mlflow.db") as database:
        return dict(database.execute("select key, value from metrics").fetchall())


def test_train_and_score(execute, folder):
    code, notebook = execute("train", estimator="pipeline")
    assert code == 0
    assert pictures(notebook) == {"show", "show-confusion", "show-calibration"}
    actual = metrics(folder)
    assert actual["train_rows"] + actual["test_rows"] == 1500
    assert 0.7 < actual["roc_auc"] < 1
    assert 0.7 < actual["accuracy"] < 1
    [model] = folder.rglob("MLmodel")
    code, notebook = execute("score", model_folder=str(model.parent))
    assert code == 0
    [shown] = [cell for cell in notebook["cells"] if cell["id"] == "try-it"]
    assert "Pregnancies" in json.dumps(shown["outputs"])


def test_explore(execute, folder):
    code, notebook = execute("explore")
    assert code == 0
    drawn = {"missing-picture", "balance", "distributions", "correlations", "first-roc"}
    assert pictures(notebook) == drawn
    assert 0.7 < metrics(folder)["roc_auc"] < 1
    assert not list(folder.rglob("MLmodel"))


def test_a_file_without_a_column_is_said_in_one_line(execute, folder):
    (folder / "short.csv").write_text("Age,Diabetic\n50,1\n", encoding="utf-8")
    code, notebook = execute("train", input_data="short.csv")
    assert code == 1
    [error] = [
        output for cell in notebook["cells"] for output in cell.get("outputs", []) if output["output_type"] == "error"
    ]  # fmt: skip
    assert error["ename"] == "ValueError"
    assert error["evalue"].startswith("short.csv has no column Pregnancies, ")
    assert "\n" not in error["evalue"]


def test_committed_notebooks_hold_no_outputs():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs"), path
