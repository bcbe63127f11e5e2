"""Git repositories of this machine: commit and branch, refs, and the door to the program git."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines_local.errors import PipelinesError


@dataclass(frozen=True)
class Source:
    """Commit and branch of a repository; empty if the folder is not a repository."""

    commit: str
    branch: str
    message: str = ""
    author: str = ""
    email: str = ""


def run_git(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    """Return the output of a git command.

    Raises:
        PipelinesError: the command failed, or git is not installed.
    """
    of_hooks = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # may name another repository
    env = {name: value for name, value in os.environ.items() if name not in of_hooks}
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *args],
            input=stdin,
            capture_output=True,
            check=False,
            env=env,
        )
    except FileNotFoundError:
        raise PipelinesError("git is not installed") from None
    if process.returncode:
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PipelinesError(f"git {args[0]}: {lines[-1] if lines else 'failed'}")
    return process.stdout


def _git(folder: Path, *args: str) -> str:
    return run_git(folder, *args).decode("utf-8", "surrogateescape").rstrip("\n")


def find_repository(root: Path) -> tuple[Path, str] | None:
    """Return the top folder of the repository of ``root``, and the path of ``root`` in it.

    Returns:
        The path is empty for the top folder and else ends with ``/``. None if there is no
        repository, or if it ignores ``root``.
    """
    try:
        top = _git(root, "rev-parse", "--show-toplevel")
        prefix = _git(root, "rev-parse", "--show-prefix")
    except PipelinesError:  # no repository, or a bare one
        return None
    if prefix and _is_ignored(root):
        return None
    return Path(top), prefix


def _is_ignored(root: Path) -> bool:
    try:
        run_git(root, "check-ignore", "--quiet", ".")
    except PipelinesError:
        return False
    return True


def describe_repository(root: Path) -> Source:
    """Return commit and branch of the repository of ``root``."""
    if find_repository(root) is None:
        return Source("", "")
    try:
        commit, author, email, message = _git(
            root, "log", "-1", "--format=%H%x00%an%x00%ae%x00%s"
        ).split("\0")
        branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    except PipelinesError:  # a repository without a commit
        return Source("", "")
    return Source(commit, "" if branch == "HEAD" else branch, message, author, email)


def resolve_ref(root: Path, ref: str) -> str:
    """Return the commit of a ``ref`` such as ``main`` or ``refs/tags/v1``; empty if unknown."""
    name = ref.removeprefix("refs/heads/")
    for candidate in (ref, name, f"refs/remotes/origin/{name}"):
        try:
            return _git(root, "rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}")
        except PipelinesError:
            continue
    return ""


def clone_commit(root: Path, commit: str, target: Path) -> None:
    """Check out a commit of the repository at ``root`` to a new folder.

    Raises:
        PipelinesError: git failed.
        OSError: the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _git(root, "clone", "--quiet", "--no-checkout", str(root), str(target))
    _git(target, "checkout", "--quiet", "--detach", commit)
