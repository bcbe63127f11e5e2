"""Update a project to the installed version of nbrelease: a three-way merge by git.

The base is what ``nbrelease new`` wrote: it is rendered by the nbrelease in the project's
``wheels/``. The difference between the base and what the installed version writes is applied to the
project, as ``git cherry-pick`` does, so that conflicts are conflicts of git. copier does the same
for templates in git repositories; this template is in the wheel, and the wheel is in the project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files, git, new, settings_migration, wheels
from nbrelease.doctor.editor import add_editor_settings
from nbrelease.doctor.git_setup import NBDIME
from nbrelease.errors import NbreleaseError, RunFailed, UsageError
from nbrelease.export import plan
from nbrelease.export.diagnostic import Level
from nbrelease.export.layout import load

NOT_MERGED = ("exported", "wheels", new.IDENTITY, ".git")
"""``exported/`` is exported again; the wheels and the identity are replaced."""
MERGE_DRIVER = "merge.jupyternotebook.driver"


@dataclass
class Update:
    """The result of an update.

    Attributes:
        changed: the files that differ from the last commit, relative to the project.
        conflicts: the files with conflicts, which the user resolves.
        moved: the keys of settings.ini that moved to the section of the training notebook.
        unchanged: what the template has and the project does not get, because it would change the
            deployments.
        todo: what else the user has to do, one line each.
    """

    changed: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)


def is_behind(root: Path) -> bool:
    """Whether the installed version writes other files for this project than its own did."""
    recorded = new.read_identity(root)
    current = new.describe(recorded, new.render(recorded))
    return current != recorded


def update(root: Path) -> Update:
    """Merge the files of the installed version into the project. Nothing is committed.

    Raises:
        UsageError: the project is not in git, or has uncommitted changes, or its wheel is missing.
        NbreleaseError: the version in its wheel cannot write the base.
    """
    if _git(root, "status", "--porcelain", "--", ".").strip():
        raise UsageError("uncommitted changes: commit or stash them first")
    identity = new.read_identity(root)
    result = Update()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        base, current = folder / "base", folder / "current"
        _render_base(root, identity, folder / "wheels", base)
        new.create(current, identity)
        result.moved = _migrate_settings(root, base)
        result.unchanged = settings_migration.keep_deployments(root, base, current)
        result.todo = _keep_own_files(root, base, current)
        _merge(root, base, current, folder)
        _replace_wheels(root, current / "wheels")
        files.write_bytes(root / new.IDENTITY, (current / new.IDENTITY).read_bytes())
        _git(root, "add", new.IDENTITY)
    result.conflicts = _list_paths(root, "diff", "--name-only", "--diff-filter=U")
    todo = _export(root, result.conflicts)
    if "settings.ini" not in result.conflicts:
        todo += settings_migration.check(root, exported=not todo)
    result.todo += todo
    result.changed = _list_paths(root, "diff", "--name-only", "HEAD")
    return result


def _render_base(root: Path, identity: new.Identity, site: Path, base: Path) -> None:
    """Write the project as the nbrelease in its ``wheels/`` does."""
    for name in wheels.DISTRIBUTIONS:
        for wheel in (root / "wheels").glob(f"{name.replace('-', '_')}-*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
    if not (site / "nbrelease").is_dir():
        raise UsageError(
            "wheels/nbrelease-*.whl: missing; restore it from git: the update starts from the "
            "version that wrote the project"
        )
    options = identity.options if (root / new.IDENTITY).is_file() else ["--name", identity.name]
    done = subprocess.run(
        [sys.executable, "-m", "nbrelease", "new", str(base), *options],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise NbreleaseError(f"the nbrelease in wheels/ cannot write its template: {lines[-1]}")


def _migrate_settings(root: Path, base: Path) -> list[str]:
    """Move parameters of the training notebook to ``[train]``, in the project and in the base."""
    settings_migration.move_parameters(base)
    moved = settings_migration.move_parameters(root)
    _git(root, "add", "settings.ini")
    return [f"settings.ini: {line}" for line in moved]


def _keep_own_files(root: Path, base: Path, current: Path) -> list[str]:
    """Keep files that the project had before the template; add missing settings of the editor.

    git would report a conflict in each of them, or overwrite one that it ignores.

    Returns:
        What the user has to do.
    """
    todo = []
    added = [name for name in (*new.EDITOR, *new.SCORING) if not (base / name).is_file()]
    own = {name for name in added if (root / name).is_file()}
    if not own.isdisjoint(new.SCORING):  # the template's tests are of the template's notebook
        own.update(new.SCORING)
    for name in added:
        if name not in own:
            continue
        (current / name).unlink()
        if name != new.EDITOR_SETTINGS:
            continue
        try:
            add_editor_settings(root / name)
        except ValueError:
            todo.append(f"{name}: has comments; run nbrelease doctor for the missing settings")
        if _git(root, "ls-files", "--", name):
            _git(root, "add", name)
    return todo


def _merge(root: Path, base: Path, current: Path, folder: Path) -> None:
    """Apply the difference between two folders to the project's files and index."""
    prefix = _git(root, "rev-parse", "--show-prefix").strip()
    parent = _commit(root, base, prefix, folder)
    commit = _commit(root, current, prefix, folder, "-p", parent)
    attributes = folder / "attributes"
    attributes.write_text("*.ipynb merge=jupyternotebook\n", encoding="utf-8")
    done = git.run(
        root,
        *("-c", f"core.attributesFile={attributes}"),
        *("-c", f"{MERGE_DRIVER}={NBDIME[MERGE_DRIVER]}"),
        *("-c", "merge.directoryRenames=false", "cherry-pick", "--no-commit", commit),
    )
    if done.returncode and not _list_paths(root, "diff", "--name-only", "--diff-filter=U"):
        raise RunFailed(f"git cannot merge: {' '.join(done.stderr.split())}")


def _commit(root: Path, source: Path, prefix: str, folder: Path, *options: str) -> str:
    """Store a folder as a commit that no branch has; returns its id."""
    tree = folder / f"tree-of-{source.name}"
    shutil.copytree(source, tree / prefix, ignore=_ignore_generated(source))
    git_folder = _git(root, "rev-parse", "--absolute-git-dir").strip()
    place = (f"--git-dir={git_folder}", f"--work-tree={tree}")
    index = {"GIT_INDEX_FILE": str(folder / f"index-of-{source.name}")}
    _git(tree, *place, "add", "--all", "--force", ".", **index)
    written = _git(tree, *place, "write-tree", **index).strip()
    author = {
        f"GIT_{role}_{what}": "nbrelease"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    message = ("-m", "Template of nbrelease")
    return _git(root, "commit-tree", written, *options, *message, **author).strip()


def _ignore_generated(source: Path) -> Callable[[str, list[str]], list[str]]:
    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name in NOT_MERGED] if Path(folder) == source else []

    return ignore


def _replace_wheels(root: Path, current: Path) -> None:
    """Replace the wheels of nbrelease; other wheels stay."""
    for name in wheels.DISTRIBUTIONS:
        for wheel in (root / "wheels").glob(f"{name.replace('-', '_')}-*.whl"):
            wheel.unlink()
    for wheel in sorted(current.glob("*.whl")):
        files.write_bytes(root / "wheels" / wheel.name, wheel.read_bytes())
    _git(root, "add", "--all", "--force", "wheels")


def _export(root: Path, conflicts: Sequence[str]) -> list[str]:
    """Export the merged notebooks; returns what the user has to do."""
    layout = load(root).layout if "settings.ini" not in conflicts else None
    notebooks = layout.relative(layout.notebooks) if layout else ""
    if layout is None or any(path.startswith(f"{notebooks}/") for path in conflicts):
        return ["run nbrelease export when the conflicts are resolved"]
    todo = []
    for export in plan(layout):
        if export.failed:
            problems = [each for each in export.diagnostics if each.rule.level is Level.ERROR]
            todo += [f"{each.location}: {each.message}; {each.fix}" for each in problems]
        else:
            export.write()
    for folder in (layout.exported, layout.tests):
        if folder.is_dir():
            _git(root, "add", "--all", "--", layout.relative(folder))
    return todo


def _list_paths(root: Path, *words: str) -> list[str]:
    """Paths that git prints, relative to the project."""
    return [path for path in _git(root, *words, "-z", "--relative").split("\0") if path]


def _git(folder: Path, *words: str, **variables: str) -> str:
    done = git.run(folder, *words, **variables)
    if done.returncode:
        raise UsageError(f"git {words[0]}: {' '.join(done.stderr.split()) or 'failed'}")
    return done.stdout
