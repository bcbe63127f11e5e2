"""What ``checkout: self`` gives: the repository as it stands on this machine, uncommitted work too.

It is copied once when the run begins, so that all jobs of a run see the same files, as they would
see the same commit. On Azure there would be nothing uncommitted; here it shows in ``git status``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines_local import files
from pipelines_local.errors import PipelinesError


@dataclass(frozen=True)
class Source:
    """The commit and branch of a repository; empty outside of one."""

    commit: str
    branch: str
    message: str = ""
    author: str = ""
    email: str = ""


def _git(folder: Path, *args: str) -> str:
    """Output of a git command.

    Raises:
        PipelinesError: it failed.
    """
    hidden = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # a hook's, of another repository
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, check=False, env=env
        )
    except FileNotFoundError:
        raise PipelinesError("git is not installed") from None
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PipelinesError(f"git {args[0]}: {message[-1] if message else 'failed'}")
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def describe(root: Path) -> Source:
    """Commit and branch at ``root``."""
    if not (root / ".git").exists():
        return Source("", "")
    try:
        commit, author, email, message = _git(
            root, "log", "-1", "--format=%H%x00%an%x00%ae%x00%s"
        ).split("\0")
        branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    except PipelinesError:  # a repository without a commit
        return Source("", "")
    return Source(commit, "" if branch == "HEAD" else branch, message, author, email)


def snapshot(root: Path, target: Path, work: Path) -> None:
    """Copy the repository at ``root`` to ``target``.

    Args:
        root: the repository, or any folder.
        target: does not exist yet.
        work: left out when it lies inside of ``root`` and git does not ignore it.

    Raises:
        PipelinesError: git failed.
        OSError: a file cannot be copied.
    """
    source = describe(root)
    if not source.commit:
        skip = work.resolve()
        shutil.copytree(root, target, symlinks=True, ignore=lambda at, names: [
            name for name in names if (Path(at) / name).resolve() == skip or name == ".git"
        ])  # fmt: skip
        return
    _git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(target))
    # As an agent leaves it: at the commit, on no branch.
    _git(target, "update-ref", "--no-deref", "HEAD", source.commit)
    _git(target, "reset", "--quiet")
    names = _git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    prefix = _below(work, root)
    chosen = [name for name in names if name and not (prefix and name.startswith(prefix))]
    files.copy_tree(root, target, chosen)


def _below(work: Path, root: Path) -> str:
    try:
        return f"{work.resolve().relative_to(root.resolve())}/"
    except ValueError:
        return ""


def give(snapshot_folder: Path, target: Path) -> int:
    """Copy the run's snapshot into a job's folder.

    Returns:
        How many files there are outside of ``.git``.
    """
    shutil.copytree(snapshot_folder, target, symlinks=True, dirs_exist_ok=True)
    return sum(1 for name in files.files_below(target) if not name.startswith(".git/"))
