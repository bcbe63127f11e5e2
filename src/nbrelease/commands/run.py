"""``nbrelease run``: execute runbooks, one after the other, within a release."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from nbrelease import console, release
from nbrelease.errors import RunFailed, UsageError
from nbrelease.records import RunbookResult
from nbrelease.records.verdict import rolled_back
from nbrelease.settings import load
from nbrelease.workspace import open_workspace


@click.command()
@click.argument("words", metavar="RUNBOOK...", nargs=-1, required=True)
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE")
@click.option(
    "--release",
    "release_id",
    metavar="ID",
    help="The release; by default the newest that is open, or a new one.",
)
@click.option(
    "--collect",
    "parts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folders with what earlier jobs of the release published.",
)
def command(
    words: tuple[str, ...],
    name: str,
    pairs: tuple[str, ...],
    release_id: str | None,
    parts: tuple[Path, ...],
) -> int:
    """Run runbooks with papermill; the executed notebooks go into the release.

    A RUNBOOK is a notebook's path, or its name in the folder of the runbooks: 02_train.

    A parameter gets its value from -p, else from an earlier runbook of the release that published
    it, else from settings.ini, else keeps its default. With several runbooks the first that is not
    green stops the run.
    """
    settings = load()
    env = settings.environment(name)
    given = _pairs(pairs)
    runbooks = [_runbook(word, settings.root / env.runbooks) for word in words]
    release.collect(settings.root / env.evidence, parts)
    if release_id is not None:
        current = release.find(settings.root, env, release_id)
    else:
        current = release.newest_open(settings.root, name, env) or release.begin(
            settings, name, env
        )
    from nbrelease.runbook import run  # papermill and its kin take seconds

    results: list[RunbookResult] = []
    try:
        with open_workspace(env, settings.root) as variables:
            os.environ.update(variables)
            for path in runbooks:
                console.out(f"{path} -> {_shown(current.notebook(path.stem))}")
                results.append(run(path, settings=settings, env=env, release=current, given=given))
                _report(path, results[-1])
    finally:
        # A release by hand is open until its pack is built; one that went back is at its end.
        if release_id is None and any(rolled_back(each.values) for each in results):
            from nbrelease.pack import build_pack

            build_pack(current.folder)
            console.out(f"evidence  {_shown(current.folder)}/index.html")
    return 0


def _runbook(word: str, folder: Path) -> Path:
    """The notebook that a word means, named as the user would name it."""
    for path in (Path(word), folder / f"{word}.ipynb"):
        if path.is_file():
            return Path(os.path.relpath(path))
    known = sorted(path.stem for path in folder.glob("*.ipynb"))
    close = difflib.get_close_matches(Path(word).stem, known, n=1)
    mend = f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
    raise UsageError(f"{word}: no such runbook; {mend}")


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"-p {pair}: write -p NAME=VALUE")
        given[key] = value
    return given


def _report(path: Path, result: RunbookResult) -> None:
    """Print the verdict; one that is not green ends the run."""
    seconds = f"{result.seconds:.1f} s" if result.seconds is not None else ""
    if result.verdict == "passed":
        counted = sum(1 for cell in result.cells if cell.state == "passed")
        console.out(f"{path}: passed, {counted} cells, {seconds}")
        return
    raise RunFailed(f"{path}: {result.verdict}: {result.why}")
