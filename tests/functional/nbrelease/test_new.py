"""A new project, written and used as its owner would."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional
AZURE = [
    *("--subscription", "11111111-2222-3333-4444-555555555555"),
    *("--resource-group", "g", "--workspace", "w"),
]


def nbrelease(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nbrelease", *words],
        cwd=cwd, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "Churn Model"
    done = nbrelease("new", str(folder), *AZURE)
    assert done.returncode == 0, done.stderr
    return folder


def test_it_is_right_from_the_first_moment(project):
    settings = (project / "settings.ini").read_text()
    assert "project = churn-model\n" in settings
    assert "workspace = azure\nsubscription_id = 11111111-2222-3333-4444-555555555555\n" in settings
    for words in (["settings"], ["export", "--check"]):
        done = nbrelease(*words, cwd=project)
        assert done.returncode == 0, done.stdout + done.stderr
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout
    lint = [sys.executable, "-m", "ruff", "check", "--no-cache", "exported", "tests"]
    assert subprocess.run(lint, cwd=project, check=False).returncode == 0
    for pipeline in (project / ".ado").glob("*.yml"):
        validate = [sys.executable, "-m", "pipelines_local", "validate", str(pipeline)]
        assert subprocess.run(validate, cwd=project, check=False).returncode == 0


def test_it_brings_its_tools_and_names_no_machine(project):
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
    home = str(Path(__file__).parents[3]).encode()
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
    ("words", "said"),
    [
        (["--name", "Has Blanks"], "wants 3 to 24 of a-z"),
        (["--subscription", "mine"], "is no subscription's id"),
        (AZURE[:2], "needs --resource-group and --workspace"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(tmp_path, words, said):
    done = nbrelease("new", str(tmp_path / "project"), *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "project").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    done = nbrelease("new", str(tmp_path), "--name", "churn")
    assert done.returncode == 2
    assert "with something in it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
