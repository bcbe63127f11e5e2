"""``nbrelease sync``: carry edits of written files back to the notebook."""

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
    """Carry edits by hand in main.py and its tests back to the cells of NOTEBOOKS (default: all).

    The outputs of changed cells are dropped, everything else of the notebook keeps its bytes. When
    cell and block were both edited nothing is written, and both sides are shown.
    """
    results = sync(load().layout, notebooks)
    refused = 0
    for result in results:
        for edit, reason in result.refused:
            refused += 1
            console.error(f"{edit.path}:{edit.line}: {edit.title} was not carried back: {reason}")
            console.info(edit.report())
        if not result.refused:
            console.out(f"{result.path}: {', '.join(dict.fromkeys(result.cells))} changed")
    if refused:
        raise RunFailed("nothing was written for the notebooks with these edits")
    if not results:
        console.out("no edits by hand")
    return 0
