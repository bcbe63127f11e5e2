"""``nbrelease release``: begin a release, or bring its parts together."""

from __future__ import annotations

from pathlib import Path

import click

from nbrelease import console, release
from nbrelease.settings import load


@click.group()
def command() -> None:
    """Begin a release, or bring its parts together."""


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
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def collect(name: str, sources: tuple[Path, ...]) -> None:
    """Copy what jobs of a release published from SOURCES into the evidence folder."""
    settings = load()
    env = settings.environment(name)
    for folder in release.collect(settings.root / env.evidence, sources):
        console.out(str(folder))
