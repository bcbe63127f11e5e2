"""What ``nbrelease rehearse`` refuses before anything runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from command import nbrelease
from rehearsal_project import write_project

pytestmark = pytest.mark.functional
AZURE = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"


@pytest.fixture
def root(tmp_path) -> Path:
    """A project whose training data is missing: a rehearsal ends there if nothing else is wrong."""
    folder = tmp_path / "repository" / "our models"
    write_project(folder)
    shutil.rmtree(folder / "data")
    return folder


def rehearse(root: Path, *words: str) -> str:
    done = nbrelease(root, "rehearse", "dev", *words)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("place", "refused"),
    [("top", False), ("outside", False), ("subfolder", True), ("ignored subfolder", False)],
)
def test_the_project_is_the_top_folder_of_its_repository(root, place, refused):
    if place != "top":
        shutil.rmtree(root / ".git")
    if "subfolder" in place:
        subprocess.run(["git", "init", "-q", root.parent], check=True)
    if "ignored" in place:
        (root.parent / ".gitignore").write_text("/our models/\n")
    line = rehearse(root)
    assert ("git init" in line) is refused
    assert ("training_data" in line) is not refused


@pytest.mark.parametrize(
    ("words", "refused"),
    [((), False), (("--set", "workspace=local"), False), (("--set", "workspace=azure"), True)],
)
def test_a_rehearsal_uses_a_local_workspace_only(root, words, refused):
    settings = root / "settings.ini"
    settings.write_text(settings.read_text("utf-8").replace("workspace = local", AZURE), "utf-8")
    line = rehearse(root, *words)
    assert ("--set workspace" in line) is refused
    assert ("training_data" in line) is not refused
