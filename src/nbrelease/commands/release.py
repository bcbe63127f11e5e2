"""``nbrelease release``: begin a release, verify its code, or bring its parts together."""

from __future__ import annotations

from pathlib import Path

import click

from nbrelease import console, release
from nbrelease.errors import ExitCode, UsageError
from nbrelease.settings import load


@click.group()
def command() -> None:
    """Begin a release, verify its code, or bring its parts together."""


@command.command()
@click.option("--env", "name", required=True, help="The section of settings.ini.")
def begin(name: str) -> None:
    """Begin a release of an environment; prints its id.

    In a pipeline the id is also the step's output variable release_id.
    """
    settings = load()
    begun = release.begin(settings, name, settings.environment(name))
    console.out(begun.id)
    console.azure_variable("release_id", begun.id)


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(folder: Path) -> int:
    """Check that the code in FOLDER is the code here: what dev proved is what prod trains with.

    Exit code 1 where a file differs, or is only in one of them.
    """
    from nbrelease import code

    root = load().root
    if not code.digests(folder):
        raise UsageError(f"{folder}: no code there; give the artifact that dev published")
    different = code.differences(root, folder)
    if different:
        more = f" and {len(different) - 5} more" if len(different) > 5 else ""
        console.error(
            f"not the code that dev proved: {', '.join(different[:5])}{more}; run dev's pipeline "
            "on this commit, or choose its run under Resources"
        )
        return ExitCode.FAILED
    console.out(f"the same code: sha256 {code.digest(root)}")
    return ExitCode.DONE


@command.command()
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def collect(name: str, sources: tuple[Path, ...]) -> None:
    """Copy what jobs of a release published from SOURCES into the evidence folder."""
    settings = load()
    env = settings.environment(name)
    for folder in release.collect(settings.root / env.evidence, sources):
        console.out(str(folder))
