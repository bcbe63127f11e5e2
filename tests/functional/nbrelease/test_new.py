"""A new project, written and used as its owner would."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import nbrelease
from preloaded_python import PROJECT, PreloadedPython

from nbrelease.new import TASKS

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]
AZURE = [
    *("--subscription", "11111111-2222-3333-4444-555555555555"),
    *("--resource-group", "g", "--workspace", "w"),
]


def check_code(python: PreloadedPython, project: Path, *linted: str) -> None:
    """The settings are valid, and the exported code is current and clean."""
    for words in (["settings", "--assets"], ["export", "--check"]):
        done = python.run("nbrelease", *words, cwd=project)
        assert done.returncode == 0, done.stdout
    lint = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", *linted],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert lint.returncode == 0, lint.stdout


def run_tests(python: PreloadedPython, project: Path, *options: str) -> str:
    tests = python.run("pytest", "-q", *options, cwd=project)
    assert tests.returncode == 0, tests.stdout
    return tests.stdout


def visible_to_git(project: Path) -> list[str]:
    words = (["init", "--quiet"], ["ls-files", "--others", "--exclude-standard"])
    done = [
        subprocess.run(["git", *each], cwd=project, capture_output=True, text=True, check=True)
        for each in words
    ]
    return done[-1].stdout.splitlines()


@pytest.fixture(scope="module")
def python(python) -> PreloadedPython:
    python.load(PROJECT)
    return python


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "Churn Model"
    done = nbrelease(folder.parent, "new", str(folder), "--example", "diabetes", *AZURE)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=list(TASKS))
def starter(request, tmp_path_factory) -> tuple[str, Path]:
    """A project for each task, with the task."""
    folder = tmp_path_factory.mktemp("task") / "bike-rentals"
    done = nbrelease(folder.parent, "new", str(folder), "--task", request.param)
    assert done.returncode == 0, done.stderr
    return request.param, folder


EXAMPLE = re.compile(
    rb"diabet|patient|pregnan|glucose|blood|triceps|insulin|\bbmi\b", re.IGNORECASE
)


def test_a_starter_does_not_mention_the_example(starter):
    _, project = starter
    mentions = [
        f"{path.relative_to(project)}: {match[0]!r}"
        for path in sorted(project.rglob("*"))
        if path.is_file() and path.parent.name != "wheels" and path.suffix != ".parquet"
        for match in EXAMPLE.finditer(path.read_bytes())
    ]
    assert mentions == []


def test_the_settings_of_a_starter_fit_its_task_and_its_notebook(starter):
    task, project = starter
    parser = configparser.ConfigParser()
    parser.read(project / "settings.ini")
    assert parser.defaults()["task"] == task
    assert (project / parser.defaults()["training_data"]).exists()
    contract = json.loads((project / "exported" / "train" / "contract.json").read_text())
    parameters = {each["name"] for each in contract["parameters"]}
    train = set(parser["train"]) - set(parser.defaults())
    assert train == parameters - {"input_data", "label_column"}
    assert "split" in contract["functions"]
    defaults = {each["name"]: each["default"] for each in contract["parameters"]}
    assert defaults["label_column"] == parser.defaults()["label_column"]


def test_the_code_of_a_starter_is_exported_tested_and_clean(python, starter):
    _, project = starter
    check_code(python, project, "exported", "tests", "data")
    assert " passed" in run_tests(python, project)


def test_the_sample_of_a_starter_is_what_its_script_writes(python, starter):
    _, project = starter
    samples = {
        path for path in (project / "data").rglob("*") if path.suffix in (".csv", ".parquet")
    }
    before = {path: path.read_bytes() for path in samples if path.suffix == ".csv"}
    assert samples
    for path in samples:
        path.unlink()
    done = python.run("data/make_sample.py", cwd=project)
    assert done.returncode == 0, done.stdout
    assert {path for path in samples if path.is_file()} == samples
    assert {path: path.read_bytes() for path in before} == before


def test_the_list_has_a_line_for_each_task_and_example():
    done = nbrelease(ROOT, "new", "--list")
    assert done.returncode == 0
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert lines == [["--task", task] for task in TASKS] + [["--example", "diabetes"]]


def test_the_example_is_valid_and_has_the_tests_of_this_repository(python, project):
    settings = (project / "settings.ini").read_text()
    assert "project = churn-model\n" in settings
    assert "workspace = azure\nsubscription_id = 11111111-2222-3333-4444-555555555555\n" in settings
    check_code(python, project, "exported", "tests")
    # The Testing view of VS Code finds its tests, which are those of this repository.
    editor = json.loads((project / ".vscode" / "settings.json").read_text())
    assert editor["python.testing.pytestEnabled"] is True
    before = visible_to_git(project)
    collected = run_tests(python, project, "--collect-only", *editor["python.testing.pytestArgs"])
    assert visible_to_git(project) == before
    for path in (ROOT / "tests" / "exported").glob("test_*.py"):
        assert f"tests/exported/{path.name}::" in collected
        assert (project / "tests" / "exported" / path.name).read_bytes() == path.read_bytes()
    for name in ("train", "score"):
        module = Path("exported", name, "main.py")
        assert (project / module).read_bytes() == (ROOT / module).read_bytes()
    for pipeline in (project / ".ado").glob("*.yml"):
        done = python.run("pipelines_local", "validate", pipeline, cwd=project)
        assert done.returncode == 0, done.stdout


def test_a_project_has_the_wheels_and_no_absolute_path(project):
    wheels = sorted((project / "wheels").glob("*.whl"))
    requirements = (project / "requirements.txt").read_text().splitlines()
    names = []
    for wheel in wheels:
        assert f"./wheels/{wheel.name}" in requirements
        with zipfile.ZipFile(wheel) as archive:
            names += archive.namelist()
            assert archive.testzip() is None
    for name in (
        "azureml_local/cli.py",
        "child_processes/preload/__init__.py",
        "nbrelease/cli.py",
        "nbrelease/template/project/settings.ini",
        "pipelines_local/cli.py",
    ):
        assert names.count(name) == 1
    home = str(ROOT).encode()
    for path in project.rglob("*"):
        if path.is_file():
            assert home not in path.read_bytes(), path


def test_the_make_targets_of_the_pipelines_are_there(project):
    done = subprocess.run(
        ["make", "--dry-run", "--silent", "setup", "tools", "rehearse", "test"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["--name", "Has Blanks"], "--name Has Blanks"),
        (["--subscription", "mine"], "--subscription mine"),
        (AZURE[:2], "--subscription"),
        (["--task", "binary", "--example", "diabetes"], "--example"),
        (["--task", "clustering"], "clustering"),
    ],
)
def test_a_wrong_option_writes_nothing(tmp_path, words, place):
    done = nbrelease(tmp_path, "new", str(tmp_path / "project"), *words)
    assert done.returncode == 2
    assert place in done.stderr
    assert not (tmp_path / "project").exists()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    done = nbrelease(tmp_path, "new", str(tmp_path), "--name", "churn")
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
