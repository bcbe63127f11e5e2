"""The one place that calls git."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """What a checkout holds; ``commit`` is empty outside a repository or before the first one."""

    commit: str
    branch: str
    dirty: bool

    @property
    def short(self) -> str:
        """The commit's first eight digits; ``nocommit`` where there is none."""
        return self.commit[:8] or "nocommit"


def _git(root: Path, *args: str) -> str | None:
    """The output of a git command without its last newline; None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *args],
            capture_output=True,
            text=True,
            check=False,
            # The environment of a hook must not point us at another repository.
            env={k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")},
        )
    except FileNotFoundError:  # no git: the same as no repository
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def source(root: Path) -> Source:
    """Commit, branch and dirt of the checkout at ``root``.

    In Azure Pipelines the code may arrive as an artifact without ``.git``; then the run's own
    ``BUILD_SOURCEVERSION`` and ``BUILD_SOURCEBRANCH`` tell.
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
    """The commit in which ``path`` last changed; empty where it is not known or not committed."""
    if _git(root, "status", "--porcelain", "--", str(path)):
        return ""
    return _git(root, "log", "-1", "--format=%H", "--", str(path)) or ""


def user(root: Path) -> str:
    """Who works here, as git knows them; empty where it does not."""
    return _git(root, "config", "user.name") or ""


def author(root: Path) -> str:
    """Who wrote the commit that is checked out; empty where that is not known.

    Azure Pipelines knows it where the code came as an artifact without its history.
    """
    found = _git(root, "log", "-1", "--format=%an")
    return found if found is not None else os.environ.get("BUILD_SOURCEVERSIONAUTHOR", "")
