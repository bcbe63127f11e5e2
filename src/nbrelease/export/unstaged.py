"""The files of an export that differ between the working tree and git's index.

A hook reads the files of the working tree, and git commits those of the index.
"""

from __future__ import annotations

from nbrelease import git
from nbrelease.export import export_state
from nbrelease.export.layout import Layout
from nbrelease.project_root import SETTINGS_FILE


def list_unstaged(layout: Layout) -> list[str]:
    """The changed files that are not staged, relative to the project and sorted.

    These are notebooks, exported files, exported tests and settings.ini. An untracked file counts
    if it is exported from a notebook that git tracks. Empty without a repository.
    """
    exported = [layout.relative(folder) for folder in (layout.exported, layout.tests)]
    notebooks = layout.relative(layout.notebooks)
    changed = _list(
        layout, "diff", "--name-only", "--relative", notebooks, *exported, SETTINGS_FILE
    )
    untracked = _list(layout, "ls-files", "--others", "--exclude-standard", *exported)
    if untracked:
        changed |= untracked & _list_exports(
            layout, _list(layout, "ls-files", notebooks), untracked
        )
    return sorted(changed)


def _list_exports(layout: Layout, notebooks: set[str], paths: set[str]) -> set[str]:
    """The paths that are exported from one of the notebooks."""
    exports = set()
    for path in layout.exported.glob(f"*/{export_state.STATE_FILE}"):
        state = export_state.load(path)
        if state is not None and state.notebook in notebooks:
            folder = layout.relative(path.parent)
            exports |= {each for each in paths if each.startswith(f"{folder}/")}
            exports.add(layout.relative(layout.tests / f"test_{path.parent.name}.py"))
    return exports


def _list(layout: Layout, command: str, *words: str) -> set[str]:
    """The paths that a git command prints; ``words`` are options, then paths."""
    options = [word for word in words if word.startswith("--")]
    paths = [f":(literal){word}" for word in words if not word.startswith("--")]
    done = git.run(layout.root, command, "-z", *options, "--", *paths)
    return set(filter(None, done.stdout.split("\0"))) if done.returncode == 0 else set()
