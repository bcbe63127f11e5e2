"""The code that dev tested equals the code that prod trains with."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner

from nbrelease import code_digest
from nbrelease.commands.release import command


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "exported" / "train").mkdir(parents=True)
    (root / "exported" / "train" / "main.py").write_text("x = 1\n")
    (root / "settings.ini").write_text("[DEFAULT]\n")
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
