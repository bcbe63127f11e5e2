"""``nbrelease release``: begin a release, compare its code, collect its parts."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import get_args

import click

from nbrelease import console, release
from nbrelease.errors import ExitCode, UsageError
from nbrelease.project_root import SETTINGS_FILE
from nbrelease.records import Kind
from nbrelease.settings import load


@click.group()
def command() -> None:
    """Begin a release, compare its code, collect its parts."""


@command.command()
@click.option("--env", "name", required=True, help="Use this section of settings.ini.")
@click.option("--model", default="", help="Use section [model:NAME] of settings.ini.")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="release",
    show_default=True,
    help="Set the kind. A monitor checks the live deployment; it is not a release.",
)
def begin(name: str, model: str, kind: Kind) -> None:
    """Begin a release into an environment and print its id.

    In a pipeline the id is also the output variable release_id of the step.
    """
    begun = release.begin(load(), name, model=model.strip(), kind=kind)
    console.out(begun.id)
    console.azure_variable("release_id", begun.id)


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def verify(folder: Path) -> int:
    """Compare the code in FOLDER, an artifact of dev, with the code of this project.

    Exit code 1 when a file differs or is missing in one of them.
    """
    from nbrelease import code_digest

    root = load().root
    if not (folder / SETTINGS_FILE).is_file():
        raise UsageError(f"{folder}: no code; give the artifact that the dev pipeline published")
    different = code_digest.differences(root, folder)
    if different:
        more = f" and {len(different) - 5} more" if len(different) > 5 else ""
        console.error(
            f"code differs from dev: {', '.join(different[:5])}{more}; run the dev pipeline "
            "on this commit, or select its run under Resources"
        )
        return ExitCode.FAILED
    console.out(f"same code: sha256 {code_digest.digest(root)}")
    return ExitCode.DONE


@command.command()
@click.option("--env", "name", required=True, help="Use this section of settings.ini.")
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def collect(name: str, sources: tuple[Path, ...]) -> None:
    """Copy the parts of releases in SOURCES, artifacts of jobs, into the evidence folder."""
    settings = load()
    env = settings.environment(name)
    for folder in release.collect(settings.root / env.evidence, sources):
        console.out(str(folder))


@command.command()
@click.argument("value")
@click.option("--env", "name", required=True, help="Use this section of settings.ini.")
@click.option("--release", "release_id", required=True, metavar="ID", help="Select the release.")
def value(value: str, name: str, release_id: str) -> None:
    """Print a published VALUE of a release.

    In a pipeline it is also an output variable of the step, with that name.
    """
    settings = load()
    values = release.find(settings.root, settings.environment(name), release_id).values()
    if value not in values:
        close = difflib.get_close_matches(value, values, n=1)
        hint = f"did you mean {close[0]}?" if close else "not published yet"
        raise UsageError(f"{release_id}: no value {value}; {hint}")
    text = values[value] if isinstance(values[value], str) else json.dumps(values[value])
    console.out(text)
    console.azure_variable(value, text)
