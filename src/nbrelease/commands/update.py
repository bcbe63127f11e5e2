"""``nbrelease update``: bring a project up to the installed version."""

from __future__ import annotations

import os
import shlex

import click

from nbrelease import console
from nbrelease.errors import RunFailed
from nbrelease.export.layout import load

RESTORE = "git restore --source=HEAD --staged --worktree --"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the project is behind.")
def command(check: bool) -> int:
    """Merge the template of the installed nbrelease into the project.

    Merges three ways; the base is the version that created the project. Resolve conflicts with git.
    Nothing is committed. The exit code is 1 if something is left to do.
    """
    from nbrelease import update

    root = load().layout.root
    if not update.is_behind(root):
        console.out("up to date")
        return 0
    if check:
        raise RunFailed("the project is behind the installed nbrelease; run nbrelease update")
    result = update.update(root)
    for path in result.changed:
        if path not in result.conflicts:
            console.out(f"merged    {path}")
    for path in result.conflicts:
        console.out(f"conflict  {path}")
    for line in result.moved:
        console.out(f"moved     {line}")
    for line in result.unchanged:
        console.out(f"unchanged {line}")
    for line in result.todo:
        console.out(f"to do     {line}")
    # git reset --hard would also undo the work in other folders of the repository.
    undo = f"{RESTORE} {shlex.quote(os.path.relpath(root))}"
    console.out(f"nothing is committed; review: git diff HEAD; undo: {undo}")
    if result.conflicts or result.todo:
        raise RunFailed(f"{len(result.conflicts)} conflicts, {len(result.todo)} other things to do")
    return 0
