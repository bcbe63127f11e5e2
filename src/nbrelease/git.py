"""Calls of git, and the state of the checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """The source of a checkout; ``commit`` is empty without a repository or commit."""

    commit: str
    branch: str
    dirty: bool

    @property
    def short(self) -> str:
        """The first eight digits of the commit, or ``nocommit``."""
        return self.commit[:8] or "nocommit"


def run(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder.

    Raises:
        FileNotFoundError: git is not installed.
    """
    # In a hook these variables name another repository.
    clean = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    return subprocess.run(
        ["git", "-C", str(root), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, **variables},
    )


def _git(root: Path, *words: str) -> str | None:
    """The output of a git command without the final newline; None if it fails."""
    try:
        done = run(root, *words)
    except FileNotFoundError:  # git is not installed: the same as no repository
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def source(root: Path) -> Source:
    """Commit, branch and dirty flag of the checkout at ``root``.

    In Azure Pipelines the code may be an artifact without ``.git``. Then ``BUILD_SOURCEVERSION``
    and ``BUILD_SOURCEBRANCH`` of the run are used.
    """
    commit = _git(root, "rev-parse", "--verify", "-q", "HEAD")
    if commit is None:
        return Source(
            commit=os.environ.get("BUILD_SOURCEVERSION", ""),
            branch=os.environ.get("BUILD_SOURCEBRANCH", "").removeprefix("refs/heads/"),
            dirty=False,
        )
    branch = _git(root, "symbolic-ref", "--short", "-q", "HEAD")
    if not branch:  # an agent checks out a commit, not a branch
        branch = os.environ.get("BUILD_SOURCEBRANCH", "").removeprefix("refs/heads/")
    return Source(commit, branch, bool(_git(root, "status", "--porcelain")))


def last_change(root: Path, path: Path) -> str:
    """The commit that last changed ``path``; empty if unknown or if it has uncommitted changes."""
    if _git(root, "status", "--porcelain", "--", str(path)):
        return ""
    return _git(root, "log", "-1", "--format=%H", "--", str(path)) or ""


def user(root: Path) -> str:
    """The name in git's configuration; may be empty."""
    return _git(root, "config", "user.name") or ""


def author(root: Path) -> str:
    """The author of the commit that is checked out; empty if unknown.

    Azure Pipelines has it in a variable where the code is an artifact without its history.
    """
    name = _git(root, "log", "-1", "--format=%an")
    return name if name is not None else os.environ.get("BUILD_SOURCEVERSIONAUTHOR", "")
