"""``nbrelease check``: compare executed notebooks with the committed outputs of their source."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nbrelease import console, files
from nbrelease.errors import ExitCode
from nbrelease.records import RunbookResult, junit, result_of
from nbrelease.settings import load


@click.command()
@click.argument("executed", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--junit",
    "junit_folder",
    type=click.Path(path_type=Path),
    help="Write JUnit files to this folder.",
)
def command(executed: tuple[Path, ...], junit_folder: Path | None) -> int:
    """Compare EXECUTED notebooks with the outputs committed in their source.

    Follows nbval's rules and executes nothing. EXECUTED are notebooks, folders of notebooks or
    folders of releases. The exit code is 1 if a cell failed, did not run or has another output, or
    if no cell is checked.
    """
    from nbrelease.runbook import check  # imports nbformat and nbval, which takes a moment

    settings = load()
    code, test_count = ExitCode.DONE, 0
    notebooks = _find_notebooks(executed)
    for path in notebooks:
        result = check(path, settings.root / result_of(path).source)
        if junit_folder is not None:
            files.write_text(junit_folder / f"{result.name}.xml", junit.report(result))
        test_count += sum(cell.is_test for cell in result.cells)
        if result.verdict == "passed":
            console.out(f"{os.path.relpath(path)}: passed, {_count_tests(result)}")
        else:
            console.error(f"{os.path.relpath(path)}: {result.verdict}: {result.why}")
            code = ExitCode.FAILED
    if not notebooks:
        console.error(f"{' '.join(map(os.path.relpath, executed))}: no executed notebooks")
        return ExitCode.FAILED
    if not test_count:
        console.error("nothing to check: no cell is tagged test or check")
        code = ExitCode.FAILED
    return code


def _find_notebooks(paths: tuple[Path, ...]) -> list[Path]:
    notebooks: list[Path] = []
    for path in paths:
        if not path.is_dir():
            notebooks.append(path)
            continue
        folder = path / "notebooks" if (path / "record.json").is_file() else path
        notebooks += sorted(folder.glob("*.ipynb"))
    return notebooks


def _count_tests(result: RunbookResult) -> str:
    count = sum(1 for cell in result.cells if cell.is_test)
    return f"{count} test{'' if count == 1 else 's'}"
