"""The state of a checkout, with a real repository."""

from __future__ import annotations

import subprocess

import pytest

from nbrelease import git


@pytest.fixture
def repository(tmp_path):
    def call(*args: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *args], check=True, capture_output=True)

    call("init", "-q", "-b", "develop")
    call("config", "user.name", "Ada")
    call("config", "user.email", "ada@example.org")
    (tmp_path / "a.txt").write_text("1\n")
    call("add", "a.txt")
    call("commit", "-q", "-m", "first")
    return tmp_path, call


def test_commit_branch_and_dirty_flag(repository):
    root, _ = repository
    clean = git.source(root)
    assert git.last_change(root, root / "a.txt") == clean.commit
    assert (clean.branch, clean.dirty, len(clean.commit)) == ("develop", False, 40)
    assert clean.short == clean.commit[:8]
    (root / "a.txt").write_text("2\n")
    assert git.source(root).dirty
    assert git.last_change(root, root / "a.txt") == ""  # uncommitted changes
    assert git.user(root) == "Ada"


def test_a_detached_head_uses_the_branch_of_the_pipeline(repository, monkeypatch):
    root, call = repository
    call("checkout", "-q", "--detach")
    monkeypatch.setenv("BUILD_SOURCEBRANCH", "refs/heads/feature/x")
    assert git.source(root).branch == "feature/x"


def test_outside_a_repository_the_variables_of_the_pipeline_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.source(tmp_path).short == "nocommit"
    monkeypatch.setenv("BUILD_SOURCEVERSION", "a" * 40)
    monkeypatch.setenv("BUILD_SOURCEBRANCH", "refs/heads/main")
    assert git.source(tmp_path) == git.Source("a" * 40, "main", dirty=False)
