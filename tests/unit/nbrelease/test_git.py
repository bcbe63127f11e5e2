"""The state of a checkout, with a real repository."""

from __future__ import annotations

import os
import subprocess
from unittest.mock import Mock

import pytest

from nbrelease import console, git, release


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


def test_names_and_paths_that_are_not_utf_8(repository, capsys):
    root, call = repository
    latin = "J\udcf6rg"  # "Jörg" in Latin-1, as Python decodes it
    (root / f"{latin}.txt").write_text("1\n")
    call("config", "user.name", latin)
    call("config", "i18n.logOutputEncoding", "latin1")
    call("add", ".")
    call("commit", "-q", "-m", "second")
    (root / f"{latin}.txt").unlink()
    assert git.source(root).dirty
    assert (git.author(root), git.user(root)) == ("J\ufffdrg", "J\ufffdrg")
    [path] = git.run(root, "ls-files", "-z", "J*").stdout.split("\0")[:-1]
    console.out(path)
    console.data([path])
    assert capsys.readouterr().out.count("J\ufffdrg.txt") == 2


def test_a_user_without_a_name_starts_a_release(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("BUILD_REQUESTEDFOR", raising=False)
    monkeypatch.setattr("getpass.getuser", Mock(side_effect=KeyError("uid not found")))
    assert release.actor(tmp_path) == "unknown"
    monkeypatch.setenv("BUILD_REQUESTEDFOR", "J\udcf6rg")
    assert release.actor(tmp_path) == "J\ufffdrg"


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
