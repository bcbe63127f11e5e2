"""``nbrelease clean``: notebooks without what a run left in them; also as a filter of git."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nbrelease import console, files
from nbrelease.errors import RunFailed, UsageError
from nbrelease.notebook.clean import cleaned


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--check", is_flag=True, help="Write nothing; fail when a notebook is not clean.")
def command(notebooks: tuple[Path, ...], check: bool) -> int:
    """Clean NOTEBOOKS in place, by default all of the project's; «-» reads and writes the streams.

    Sources, ids, tags and the outputs of cells marked for a check stay. As a filter of git, which
    nbrelease doctor --fix sets up, only what is committed is cleaned.
    """
    if notebooks == (Path("-"),):
        return _filter()
    dirty = []
    for path in notebooks or all_notebooks():
        if not path.is_file():
            raise UsageError(f"{path}: no such notebook")
        before = path.read_bytes()
        try:
            after = cleaned(before)
        except ValueError as error:
            raise UsageError(f"{path}: left as it is: {error}") from None
        if after == before:
            continue
        dirty.append(str(path))
        if not check:
            files.write_bytes(path, after)
            console.out(f"{path}: cleaned")
    if check and dirty:
        raise RunFailed(f"not clean: {', '.join(dirty)}; run nbrelease clean")
    if not dirty:
        console.out("everything is clean")
    return 0


def _filter() -> int:
    """From standard input to standard output; what is no notebook passes unchanged.

    A filter that fails would keep people from committing a notebook that somebody broke.
    """
    content = sys.stdin.buffer.read()
    try:
        content = cleaned(content)
    except ValueError as error:
        console.warning(f"passed unchanged: {error}")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


def all_notebooks() -> list[Path]:
    """The project's notebooks and runbooks."""
    from nbrelease.settings import load  # pydantic: the filter, which git starts often, needs none

    settings = load()
    env = settings.environment(settings.names[0])
    return sorted(
        path
        for folder in (settings.root / env.notebooks, settings.root / env.runbooks)
        for path in folder.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )
