"""``nbrelease clean``: strip run outputs from notebooks, also as a git filter."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nbrelease import console, files
from nbrelease.errors import RunFailed, UsageError
from nbrelease.notebook.clean import clean_notebook


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 if a notebook has run outputs."
)
def command(notebooks: tuple[Path, ...], check: bool) -> int:
    """Strip run outputs from NOTEBOOKS. Default: all notebooks. With - filter standard input.

    Sources, ids, tags, attachments and the outputs of checked cells are kept. nbrelease doctor
    --fix configures this command as a git filter, which cleans only what is committed.
    """
    if notebooks == (Path("-"),):
        return _filter_stdin()
    changed = []
    for path in notebooks or all_notebooks():
        if not path.is_file():
            raise UsageError(f"{path}: no such notebook")
        before = path.read_bytes()
        try:
            after = clean_notebook(before)
        except ValueError as error:
            raise UsageError(f"{path}: not cleaned: {error}") from None
        if after == before:
            continue
        changed.append(str(path))
        if not check:
            files.write_bytes(path, after)
            console.out(f"{path}: cleaned")
    if check and changed:
        raise RunFailed(f"not clean: {', '.join(changed)}; run nbrelease clean")
    if not changed:
        console.out("all notebooks are clean")
    return 0


def _filter_stdin() -> int:
    """Clean standard input to standard output; pass other content through.

    A filter that fails would prevent users from committing a broken notebook.
    """
    content = sys.stdin.buffer.read()
    try:
        content = clean_notebook(content)
    except ValueError as error:
        console.warning(f"not cleaned: {error}")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


def all_notebooks() -> list[Path]:
    """The notebooks and runbooks of the project."""
    from nbrelease.errors import SettingsError
    from nbrelease.settings import load  # pydantic is slow to import and git filters often

    settings = load()
    if not settings.names:
        raise SettingsError("settings.ini: no section of an environment; add one, such as [dev]")
    env = settings.environment(settings.names[0])
    return sorted(
        path
        for folder in (settings.root / env.notebooks, settings.root / env.runbooks)
        for path in folder.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )
