"""``nbrelease check``: hold executed notebooks against the outputs committed with their sources."""

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
@click.option("--junit", "report", type=click.Path(path_type=Path), help="Folder for JUnit files.")
def command(executed: tuple[Path, ...], report: Path | None) -> int:
    """Check EXECUTED notebooks, by nbval's rules, against the source that each names.

    Nothing is executed again. A folder stands for the notebooks in it, a release's folder for the
    runbooks that it executed. Exit code 1 when a cell
    failed, was not run, or gave another output than its author kept; or when nothing was checked.
    """
    from nbrelease.runbook import check  # nbformat and nbval take a moment

    settings = load()
    code, counted = ExitCode.DONE, 0
    notebooks = _notebooks(executed)
    for path in notebooks:
        result = check(path, settings.root / result_of(path).source)
        if report is not None:
            files.write_text(report / f"{result.name}.xml", junit.report(result))
        tests = [cell for cell in result.cells if cell.is_test]
        counted += len(tests)
        if result.verdict == "passed":
            console.out(f"{os.path.relpath(path)}: passed, {_tests(result)}")
        else:
            console.error(f"{os.path.relpath(path)}: {result.verdict}: {result.why}")
            code = ExitCode.FAILED
    if not notebooks:
        console.error(f"{' '.join(map(os.path.relpath, executed))}: no notebook was executed")
        return ExitCode.FAILED
    if not counted:
        console.error("no cell is tagged test or check: nothing was checked")
        code = ExitCode.FAILED
    return code


def _notebooks(paths: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        folder = path / "notebooks" if (path / "record.json").is_file() else path
        found += sorted(folder.glob("*.ipynb"))
    return found


def _tests(result: RunbookResult) -> str:
    count = sum(1 for cell in result.cells if cell.is_test)
    return f"{count} test{'' if count == 1 else 's'}"
