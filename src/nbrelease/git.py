"""Calls of git, and the state of the checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
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


def run(
    root: Path, *words: str, stdin: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run git in a folder.

    Args:
        root: the folder.
        words: the arguments.
        stdin: its standard input.
        variables: further environment variables.

    Returns:
        Its exit code and output. Git does not say in which encoding a name or path is: bytes that
        are not UTF-8 are surrogates, as in paths of Python.

    Raises:
        FileNotFoundError: git is not installed.
    """
    # In a hook these variables name another repository.
    clean = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    return subprocess.run(
        ["git", "-C", str(root), *words],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
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
    return Source(commit, replace_invalid(branch), bool(_git(root, "status", "--porcelain")))


def last_change(root: Path, path: Path) -> str:
    """The commit that last changed ``path``; empty if unknown or if it has uncommitted changes."""
    if _git(root, "status", "--porcelain", "--", str(path)):
        return ""
    return _git(root, "log", "-1", "--format=%H", "--", str(path)) or ""


def prefix(root: Path) -> str:
    """The folder in its repository, with a slash at its end; empty at the top and outside."""
    return _git(root, "rev-parse", "--show-prefix") or ""


def list_ignored(root: Path, paths: Iterable[str]) -> set[str]:
    """The paths that git ignores and does not track; empty without a repository.

    Args:
        root: a folder of the repository.
        paths: relative to it; a file need not exist.
    """
    try:
        done = run(root, "check-ignore", "-z", "--stdin", stdin="".join(f"{p}\0" for p in paths))
    except FileNotFoundError:
        return set()
    return set(filter(None, done.stdout.split("\0")))


def user(root: Path) -> str:
    """The name in git's configuration; may be empty."""
    return replace_invalid(_git(root, "config", "user.name") or "")


def author(root: Path) -> str:
    """The author of the commit that is checked out; empty if unknown.

    Azure Pipelines has it in a variable where the code is an artifact without its history.
    """
    name = _git(root, "log", "-1", "--format=%an")
    return replace_invalid(
        name if name is not None else os.environ.get("BUILD_SOURCEVERSIONAUTHOR", "")
    )


def replace_invalid(text: str) -> str:
    """A text with U+FFFD for bytes that are not UTF-8: JSON and terminals cannot show them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
