"""``nbrelease run``: execute runbooks in order as part of a release."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from nbrelease import console, release
from nbrelease.commands._overrides import parse_settings
from nbrelease.errors import RunFailed, UsageError
from nbrelease.records import RunbookResult
from nbrelease.records.verdict import rolled_back
from nbrelease.settings import load
from nbrelease.workspace import check_variables, open_workspace


@click.command()
@click.argument("names", metavar="RUNBOOK...", nargs=-1, required=True)
@click.option("--env", "env_name", required=True, help="Use this section of settings.ini.")
@click.option(
    "--model",
    default="",
    metavar="NAME",
    help="Use section [model:NAME] of settings.ini.  [default: the model of --release]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Override a setting or a parameter of the training notebook. Can be repeated.",
)
@click.option(
    "-p",
    "--parameter",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the runbooks. Can be repeated.",
)
@click.option(
    "--release",
    "release_id",
    metavar="ID",
    help="Run in this release.  [default: the newest open release, or a new one]",
)
@click.option(
    "--collect",
    "parts",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Read artifacts of earlier jobs of the release from this folder. Can be repeated.",
)
def command(
    names: tuple[str, ...],
    env_name: str,
    model: str,
    overrides: tuple[str, ...],
    pairs: tuple[str, ...],
    release_id: str | None,
    parts: tuple[Path, ...],
) -> int:
    """Run runbooks and add the executed notebooks to the release.

    RUNBOOK is the path of a notebook, or its name in the runbooks folder, such as 02_train.

    A parameter takes its value from -p, else from an earlier runbook of the release that published
    it, else from settings.ini, else from the notebook. The command stops at the first runbook that
    does not pass.
    """
    settings = load(arguments=parse_settings(overrides))
    env = settings.environment(env_name, model)
    check_variables(env)  # before a release begins
    settings.training_parameters(env_name, model)  # wrong ones are reported before a run
    arguments = _parse_parameters(pairs)
    runbooks = [_find_runbook(name, settings.root / env.runbooks) for name in names]
    common = settings.environment(env_name)
    release.collect(settings.root / common.evidence, parts)
    if release_id is not None:
        current = release.find(settings.root, common, release_id)
        if model not in ("", current.identity.settings_model):
            of = current.identity.settings_model or "the model of [DEFAULT]"
            raise UsageError(f"--model {model}: release {release_id} belongs to {of}")
        env = settings.environment(env_name, current.identity.settings_model)
    else:
        current = release.newest_open(settings.root, env_name, common, model) or release.begin(
            settings, env_name, model=model
        )
    from nbrelease.runbook import run  # papermill takes seconds to import

    results: list[RunbookResult] = []
    try:
        with open_workspace(env, settings.root) as variables:
            os.environ.update(variables)
            for path in runbooks:
                console.out(f"{path} -> {_display_path(current.notebook(path.stem))}")
                result = run(path, settings=settings, env=env, release=current, arguments=arguments)
                results.append(result)
                _report(path, result)
    finally:
        # A release run by hand stays open until its pack is built. A rollback ends it.
        if release_id is None and any(rolled_back(each.values) for each in results):
            from nbrelease.pack import build_pack

            build_pack(current.folder)
            console.out(f"evidence  {_display_path(current.folder)}/index.html")
    return 0


def _find_runbook(name: str, folder: Path) -> Path:
    """The notebook of a path or name, relative to the current folder."""
    for path in (Path(name), folder / f"{name}.ipynb"):
        if path.is_file():
            return Path(os.path.relpath(path))
    known = sorted(path.stem for path in folder.glob("*.ipynb"))
    close = difflib.get_close_matches(Path(name).stem, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"available: {', '.join(known) or 'none'}"
    raise UsageError(f"{name}: no such runbook; {hint}")


def _display_path(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parse_parameters(pairs: tuple[str, ...]) -> dict[str, str]:
    arguments = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"-p {pair}: write -p NAME=VALUE")
        arguments[key] = value
    return arguments


def _report(path: Path, result: RunbookResult) -> None:
    """Print the verdict.

    Raises:
        RunFailed: the runbook did not pass.
    """
    seconds = f"{result.seconds:.1f} s" if result.seconds is not None else ""
    if result.verdict == "passed":
        passed = sum(1 for cell in result.cells if cell.state == "passed")
        console.out(f"{path}: passed, {passed} cells, {seconds}")
        return
    raise RunFailed(f"{path}: {result.verdict}: {result.why}")
