"""``nbrelease release``: begin a release, verify its code, or bring its parts together."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import get_args

import click

from nbrelease import console, release
from nbrelease.errors import ExitCode, UsageError
from nbrelease.records import Kind
from nbrelease.settings import load


@click.group()
def command() -> None:
    """Begin a release, verify its code, or bring its parts together."""


@command.command()
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="release",
    show_default=True,
    help="A look at what is live leaves evidence too, and is no release.",
)
def begin(name: str, kind: Kind) -> None:
    """Begin a release of an environment; prints its id.

    In a pipeline the id is also the step's output variable release_id.
    """
    settings = load()
    begun = release.begin(settings, name, settings.environment(name), kind=kind)
    console.out(begun.id)
    console.azure_variable("release_id", begun.id)


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(folder: Path) -> int:
    """Check that the code in FOLDER is the code here: what dev proved is what prod trains with.

    Exit code 1 where a file differs, or is only in one of them.
    """
    from nbrelease import code_digest

    root = load().root
    if not code_digest.digests(folder):
        raise UsageError(f"{folder}: no code there; give the artifact that dev published")
    different = code_digest.differences(root, folder)
    if different:
        more = f" and {len(different) - 5} more" if len(different) > 5 else ""
        console.error(
            f"not the code that dev proved: {', '.join(different[:5])}{more}; run dev's pipeline "
            "on this commit, or choose its run under Resources"
        )
        return ExitCode.FAILED
    console.out(f"the same code: sha256 {code_digest.digest(root)}")
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


@command.command()
@click.argument("value")
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.option("--release", "release_id", required=True, metavar="ID", help="The release.")
def value(value: str, name: str, release_id: str) -> None:
    """Print the VALUE that a runbook of the release published.

    In a pipeline it is also the step's output variable of that name.
    """
    settings = load()
    found = release.find(settings.root, settings.environment(name), release_id).values()
    if value not in found:
        close = difflib.get_close_matches(value, found, n=1)
        mend = f"did you mean {close[0]}?" if close else "its runbook has not published it"
        raise UsageError(f"{release_id}: no value {value}; {mend}")
    text = found[value] if isinstance(found[value], str) else json.dumps(found[value])
    console.out(text)
    console.azure_variable(value, text)
