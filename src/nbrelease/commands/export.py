"""``nbrelease export``: write main.py and its tests out of the tagged cells of notebooks."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import ExitCode, UsageError
from nbrelease.export import Exported, export, exportable
from nbrelease.settings import load


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is stale.")
def command(notebooks: tuple[Path, ...], check: bool) -> int:
    """Export NOTEBOOKS, by default all of the project's that have tagged cells."""
    settings = load()
    root = settings.root
    # Folders are shared by all environments; any of them tells.
    env = settings.environment(settings.names[0])
    chosen = list(notebooks) or exportable(root / env.notebooks)
    if not chosen:
        raise UsageError(f"{env.notebooks}/ holds no notebook with cells tagged export or main")
    code = ExitCode.DONE
    for notebook in chosen:
        results = export(
            notebook,
            root=root,
            exported=root / env.exported,
            tests=root / env.exported_tests,
            write=not check,
        )
        for result in results:
            if check and result.changed:
                console.error(f"{_shown(result.path)}: stale; run nbrelease export and commit it")
                code = ExitCode.FAILED
            else:
                _say(result)
            if result.untested:
                names = ", ".join(result.untested)
                console.warning(f"{_shown(notebook)}: no test cell for {names}")
                if check and env.export_untested == "fail":
                    code = ExitCode.FAILED
    return code


def _say(result: Exported) -> None:
    console.out(f"{_shown(result.path)}: {'written' if result.changed else 'up to date'}")


def _shown(path: Path) -> str:
    return os.path.relpath(path)
