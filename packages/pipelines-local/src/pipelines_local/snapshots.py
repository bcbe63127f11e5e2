"""``checkout: self``: the repository of this machine, including uncommitted changes.

It is copied once when the run starts, so all jobs see the same files. On Azure there are no
uncommitted changes; here ``git status`` shows them. As on Azure, submodules are empty folders, and
files of Git LFS are pointers, unless the checkout has ``submodules`` or ``lfs``.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines_local import files
from pipelines_local.errors import PipelinesError
from pipelines_local.sources import describe_repository, find_repository, run_git

_GITLINK = "160000"
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True)
class Contents:
    """The optional contents of a checkout.

    Attributes:
        submodules: empty, ``true`` for one level of submodules, ``recursive`` for all.
        lfs: whether files of Git LFS have their content.
    """

    submodules: str = ""
    lfs: bool = False

    @property
    def suffix(self) -> str:
        """A suffix for the name of the snapshot; empty without optional contents."""
        parts = (f"submodules-{self.submodules}" if self.submodules else "", "lfs" * self.lfs)
        return "".join(f"@{part}" for part in parts if part)


def create_snapshot(root: Path, target: Path, work: Path, contents: Contents) -> None:
    """Copy the files of git in ``root`` to ``target``; all files if there is no repository.

    Args:
        root: the repository, a folder in one, or any folder.
        target: must not exist.
        work: the folder of runs; it is not copied.
        contents: the optional contents to copy.

    Raises:
        PipelinesError: git failed, or a submodule is not initialized.
        OSError: a file cannot be copied.
    """
    repository = find_repository(root)
    if repository is None:
        skip = work.resolve()
        shutil.copytree(root, target, symlinks=True, ignore=lambda at, names: [
            name for name in names if (Path(at) / name).resolve() == skip or name == ".git"
        ])  # fmt: skip
        return
    source = describe_repository(root)
    if source.commit:
        _clone(*repository, source.commit, target)
    target.mkdir(exist_ok=True)
    prefix = _relative_prefix(work, root)
    names = [name for name in _list_files(root) if not (prefix and name.startswith(prefix))]
    _copy_files(root, target, names, contents)


def _clone(top: Path, prefix: str, commit: str, target: Path) -> None:
    run_git(top, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(target))
    # The agent too checks out a commit, not a branch.
    run_git(target, "update-ref", "--no-deref", "HEAD", commit)
    try:
        run_git(target, "read-tree", f"HEAD:{prefix}")
    except PipelinesError:  # a new folder, which the commit does not have
        run_git(target, "read-tree", "--empty")


def _list_files(root: Path) -> list[str]:
    """Return the files that git tracks and new ones that it does not ignore."""
    output = run_git(root, "ls-files", "-co", "--exclude-standard", "-z")
    return [name for name in output.decode("utf-8", "surrogateescape").split("\0") if name]


def _copy_files(root: Path, target: Path, names: list[str], contents: Contents) -> None:
    submodules = _list_submodules(root)
    nested = [name for name in names if name in submodules or name.endswith("/")]
    pointers = {} if contents.lfs else dict(_lfs_pointers(root, names))
    skip = {*nested, *pointers}
    files.copy_tree(root, target, [name for name in names if name not in skip])
    for name, pointer in pointers.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(pointer)
        shutil.copymode(root / name, target / name)
    for name in nested:
        (target / name).mkdir(parents=True, exist_ok=True)
        if contents.submodules and name in submodules:
            _copy_submodule(root, target, name, contents)


def _list_submodules(root: Path) -> set[str]:
    output = run_git(root, "ls-files", "--stage", "-z").decode("utf-8", "surrogateescape")
    entries = (entry.partition("\t") for entry in output.split("\0"))
    return {name for stage, _, name in entries if stage.startswith(f"{_GITLINK} ")}


def _copy_submodule(root: Path, target: Path, name: str, contents: Contents) -> None:
    folder = root / name
    if not (folder / ".git").exists():
        raise PipelinesError(f"{name}: the submodule is missing; run: git submodule update --init")
    inner = Contents("recursive" if contents.submodules == "recursive" else "", contents.lfs)
    _copy_files(folder, target / name, _list_files(folder), inner)


def _lfs_pointers(root: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of Git LFS with the pointers that the commit has, or would have.

    A file that was committed without Git LFS has no pointer. Format of pointers:
    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    """
    stdin = "\0".join(names).encode("utf-8", "surrogateescape")
    output = run_git(root, "check-attr", "-z", "--stdin", "filter", stdin=stdin)
    fields = output.decode("utf-8", "surrogateescape").split("\0")
    for name, value in zip(fields[::3], fields[2::3], strict=False):
        path = root / name
        if value != "lfs" or path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if content and not content.startswith(_POINTER) and content != _committed(root, name):
            digest = hashlib.sha256(content).hexdigest()
            text = f"oid sha256:{digest}\nsize {len(content)}\n"
            yield name, _POINTER + text.encode("ascii")


def _committed(root: Path, name: str) -> bytes | None:
    try:
        return run_git(root, "cat-file", "blob", f"HEAD:./{name}")
    except PipelinesError:
        return None


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
