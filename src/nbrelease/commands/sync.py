"""``nbrelease sync``: copy edits of exported files to the notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import RunFailed
from nbrelease.export.layout import load
from nbrelease.export.sync import sync


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
def command(notebooks: tuple[Path, ...]) -> int:
    """Copy edits of exported files to the cells of NOTEBOOKS. Default: all notebooks.

    The outputs of changed cells are removed; every other byte of the notebook is kept. If a cell
    and its block were both edited, nothing is written and the differences are shown.
    """
    results = sync(load().layout, notebooks)
    refused = 0
    for result in results:
        for refusal in result.refused:
            refused += 1
            edit = refusal.edit
            console.error(f"{edit.path}:{edit.line}: {edit.title} not copied: {refusal.message}")
            console.info(edit.diff())
        if not result.refused:
            console.out(f"{result.path}: changed {', '.join(dict.fromkeys(result.cells))}")
    if refused:
        raise RunFailed("notebooks with these edits were not changed")
    if not results:
        console.out("no edits by hand")
    return 0
