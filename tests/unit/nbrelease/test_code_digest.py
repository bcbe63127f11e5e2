"""The code that dev tested equals the code that prod trains with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from nbrelease import code_digest
from nbrelease.commands.release import command
from nbrelease.errors import UsageError

SETTINGS = """[DEFAULT]
notebooks = ml
exported = code
evidence = releases
[train]
[dev]
training_data = input/rows.csv
"""


def write(root: Path, path: str, text: str = "changed\n") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "exported" / "train").mkdir(parents=True)
    (root / "exported" / "train" / "main.py").write_text("x = 1\n")
    (root / "settings.ini").write_text(SETTINGS)
    (root / "README.md").write_text("read me")
    return root


@pytest.mark.parametrize(
    ("change", "different"),
    [
        (lambda root: None, []),
        (lambda root: (root / "README.md").write_text("other"), []),
        (lambda root: (root / "exported" / "__pycache__").mkdir(), []),
        (lambda root: (root / "exported" / "train" / "main.py").write_text("x = 2\n"), ["exported/train/main.py"]),
        (lambda root: (root / "settings.ini").unlink(), ["settings.ini"]),
        (lambda root: (root / "exported" / "new.py").write_text(""), ["exported/new.py"]),
    ],
)  # fmt: skip
def test_differences(project, tmp_path, monkeypatch, change, different):
    artifact = tmp_path / "artifact"
    shutil.copytree(project, artifact)
    before = code_digest.digest(project)
    change(project)
    assert code_digest.differences(project, artifact) == different
    assert (code_digest.digest(project) == before) is not bool(different)
    monkeypatch.chdir(project)
    if (project / "settings.ini").exists():
        done = CliRunner().invoke(command, ["verify", str(artifact)], standalone_mode=False)
        assert done.return_value == (1 if different else 0)


@pytest.mark.parametrize(
    "path",
    ["ml/train.ipynb", "code/train/main.py", "envs/train.yml", "ours/__init__.py", "helpers.py", "code/train/.export.json", "übung/größe x.py", "ours/docs/__init__.py"],
)  # fmt: skip
def test_folders_of_any_name_are_compared(project, tmp_path, path):
    write(project, path, "before\n")
    artifact = tmp_path / "artifact"
    shutil.copytree(project, artifact)
    assert code_digest.differences(project, artifact) == []
    write(project, path)
    assert code_digest.differences(project, artifact) == [path]
    (project / path).unlink()
    assert code_digest.differences(project, artifact) == [path]


@pytest.mark.parametrize(
    "path",
    ["tests/test_a.py", "docs/a.md", ".ado/a.yml", "data/a.csv", "releases/dev-1/record.json", "input/rows.csv", ".venv/bin/x.py", "ours/x.egg-info/PKG-INFO", "tmp/log.txt"],
)  # fmt: skip
def test_files_that_do_not_determine_the_model_are_not_compared(project, tmp_path, path):
    subprocess.run(["git", "init", "-q", project], check=True)
    write(project, ".gitignore", "/tmp/\n")
    artifact = tmp_path / "artifact"
    shutil.copytree(project, artifact, ignore=shutil.ignore_patterns(".git"))
    write(artifact, path)
    assert code_digest.differences(project, artifact) == []
    write(project, path, "other\n")
    assert code_digest.differences(project, artifact) == []


def test_a_folder_without_code_is_an_error(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(command, ["verify", str(tmp_path / "empty")])
    assert isinstance(done.exception, UsageError)
