"""``checkout: self``: the repository of this machine, including uncommitted changes.

It is copied once when the run starts, so all jobs see the same files. On Azure there are no
uncommitted changes; here ``git status`` shows them.
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
    """Commit and branch of a repository; empty if the folder is not a repository."""

    commit: str
    branch: str
    message: str = ""
    author: str = ""
    email: str = ""


def _git(folder: Path, *args: str) -> str:
    """Return the output of a git command.

    Raises:
        PipelinesError: the command failed.
    """
    of_hooks = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # may name another repository
    env = {name: value for name, value in os.environ.items() if name not in of_hooks}
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *args], capture_output=True, check=False, env=env
        )
    except FileNotFoundError:
        raise PipelinesError("git is not installed") from None
    if process.returncode:
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PipelinesError(f"git {args[0]}: {lines[-1] if lines else 'failed'}")
    return process.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def describe_repository(root: Path) -> Source:
    """Return commit and branch of the repository at ``root``."""
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


def create_snapshot(root: Path, target: Path, work: Path) -> None:
    """Copy the repository at ``root`` to ``target``.

    Args:
        root: the repository, or any folder.
        target: must not exist.
        work: the folder of runs; it is not copied.

    Raises:
        PipelinesError: git failed.
        OSError: a file cannot be copied.
    """
    source = describe_repository(root)
    if not source.commit:
        skip = work.resolve()
        shutil.copytree(root, target, symlinks=True, ignore=lambda at, names: [
            name for name in names if (Path(at) / name).resolve() == skip or name == ".git"
        ])  # fmt: skip
        return
    _git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(target))
    # The agent too checks out a commit, not a branch.
    _git(target, "update-ref", "--no-deref", "HEAD", source.commit)
    _git(target, "reset", "--quiet")
    names = _git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    prefix = _relative_prefix(work, root)
    selected = [name for name in names if name and not (prefix and name.startswith(prefix))]
    files.copy_tree(root, target, selected)


def _relative_prefix(work: Path, root: Path) -> str:
    try:
        return f"{work.resolve().relative_to(root.resolve())}/"
    except ValueError:
        return ""


def copy_snapshot(snapshot: Path, target: Path) -> int:
    """Copy the snapshot of the run to the folder of a job.

    Returns:
        The number of files outside ``.git``.
    """
    shutil.copytree(snapshot, target, symlinks=True, dirs_exist_ok=True)
    return sum(1 for name in files.list_files(target) if not name.startswith(".git/"))
