"""``nbrelease export``: export notebooks to modules and tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path

import click

from nbrelease import console, packages
from nbrelease.errors import RunFailed, UsageError
from nbrelease.export import Export, Layout, plan
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import RULES, STALE, Diagnostic, Level
from nbrelease.export.formatters import FORMATS
from nbrelease.export.layout import ExportSettings, load

MAX_PATHS = 4
"""The number of files that a message names."""
MAX_ROUNDS = 5
"""A fix can overlap another one, which is applied in the next round."""


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is out of date.")
@click.option(
    "--staged",
    is_flag=True,
    help="With --check in a git hook: fail also on changes that are not staged.",
)
@click.option(
    "--fix",
    is_flag=True,
    help="Apply the automatic fixes; they do not change the behavior of the notebook.",
)
@click.option("--watch", is_flag=True, help="Export on every save until interrupted.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(FORMATS)),
    help="Set the output format of diagnostics. "
    "Default: ado in Azure Pipelines, github in GitHub Actions, else text.",
)
@click.option("--rules", is_flag=True, help="List the rules and exit.")
def command(
    notebooks: tuple[Path, ...],
    check: bool,
    staged: bool,
    fix: bool,
    watch: bool,
    output_format: str | None,
    rules: bool,
) -> int:
    """Export NOTEBOOKS to Python modules and tests. Default: all notebooks with tagged cells.

    An error in a notebook prevents its export. So does an edit by hand in an exported file: run
    nbrelease sync to copy the edit to the notebook. All rules:
    https://github.com/nbrelease/nbrelease/blob/main/docs/diagnostics.md
    """
    if rules:
        for rule in RULES.values():
            console.out(f"{rule.code} {rule.name:25} {rule.level:8} {rule.summary}")
        return 0
    if fix and (check or watch):
        raise UsageError("--fix: changes notebooks; leave out --check and --watch")
    if staged and not check:
        raise UsageError("--staged: only with --check")
    output_format = output_format or _default_format()
    settings = load()
    layout = settings.layout
    if watch:
        from nbrelease.export.watch import watch as watch_notebooks  # starts threads

        return watch_notebooks(layout, notebooks)
    if staged:
        _check_staged(layout)
    gc.disable()  # a short process with many syntax trees: collecting takes half of its time
    if fix:
        _apply_fixes(layout, notebooks, output_format == "text")
    exports = plan(layout, notebooks, Cache.for_project(layout))
    if not exports:
        raise UsageError(
            f"{layout.relative(layout.notebooks)}/: no notebook has cells tagged export or main; "
            "tag the cells to export"
        )
    diagnostics = [each for export in exports for each in export.diagnostics]
    if check:
        diagnostics += [each for export in exports for each in _stale_files(export, layout)]
        diagnostics += packages.check(layout)
    _print_diagnostics(diagnostics, output_format, layout.root)
    if output_format == "text":
        for export in exports:
            for edit in export.edits:
                console.info(f"\n{edit.path}, {edit.title}:\n{edit.diff()}")
    if check:
        return _check(exports, diagnostics, settings, output_format)
    count = sum(_write(export, layout, output_format == "text") for export in exports)
    failed = [export.path for export in exports if export.failed]
    if failed:
        raise RunFailed(f"not exported: {', '.join(failed)}")
    if output_format == "text" and not count:
        console.out(f"{_count_notebooks(exports)}: up to date")
    return 0


def _check_staged(layout: Layout) -> None:
    """Fail on changes that are not staged: the files are checked, but not committed.

    Raises:
        RunFailed: notebooks, exported files or settings.ini have such changes.
    """
    from nbrelease.export.unstaged import list_unstaged

    paths = list_unstaged(layout)
    if paths:
        more = f" and {len(paths) - MAX_PATHS} more" if len(paths) > MAX_PATHS else ""
        raise RunFailed(
            f"not staged: {', '.join(paths[:MAX_PATHS])}{more}; the check reads these files, but "
            "the commit has others: stage or stash the other changes (git stash --keep-index)"
        )


def _apply_fixes(layout: Layout, notebooks: Sequence[Path], print_fixes: bool) -> None:
    """Apply the automatic fixes to notebooks until none is left.

    A notebook whose exported files were edited by hand is not changed: the edits come first.
    """
    from nbrelease.export.fixes import apply_fixes, find_fixes

    for _ in range(MAX_ROUNDS):
        changed = False
        for export in plan(layout, notebooks):
            fixes = [each for each in find_fixes(export) if each.automatic]
            if not fixes or export.edits or export.source is None:
                continue
            export.replace_sources(layout.root, apply_fixes(export.source.notebook, fixes))
            changed = True
            # One edit can fix several diagnostics.
            lines = dict.fromkeys(f"{each.diagnostic.location}: {each.title}" for each in fixes)
            for line in lines if print_fixes else ():
                console.out(f"fixed {line}")
        if not changed:
            return


def _default_format() -> str:
    if os.environ.get("TF_BUILD"):
        return "ado"
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def _print_diagnostics(diagnostics: list[Diagnostic], output_format: str, root: Path) -> None:
    text = FORMATS[output_format](diagnostics, root)
    if output_format == "text":
        if text:
            console.info(text)
    elif text:
        console.out(text)


def _write(export: Export, layout: Layout, print_paths: bool) -> int:
    if export.failed:
        return 0
    written = export.write()
    if print_paths:
        for file in written:
            console.out(f"{layout.relative(file.path)}: written")
    return len(written)


def _stale_files(export: Export, layout: Layout) -> list[Diagnostic]:
    """A diagnostic for each file that is out of date; edits by hand have their own."""
    if export.edits:
        return []
    return [
        Diagnostic(
            STALE,
            layout.relative(file.path),
            "",
            1,
            1,
            f"the file is out of date with {export.path}",
            "run `nbrelease export` and commit the result",
        )
        for file in export.stale
    ]


def _check(
    exports: list[Export],
    diagnostics: list[Diagnostic],
    settings: ExportSettings,
    output_format: str,
) -> int:
    """Fail on errors and stale files, and on untested functions if the settings require tests."""
    errors = sum(each.rule.level is Level.ERROR for each in diagnostics)
    reasons = [f"{errors} error{'s' if errors > 1 else ''}"] if errors else []
    untested = [f"{name} ({each.path})" for each in exports for name in each.untested]
    if untested and settings.fail_on_untested:
        reasons.append(f"functions without a test: {', '.join(untested)}")
    if reasons:
        raise RunFailed("; ".join(reasons))
    if output_format == "text":
        console.out(f"{_count_notebooks(exports)}: up to date")
    return 0


def _count_notebooks(exports: list[Export]) -> str:
    count = sum(export.exports for export in exports)
    return f"{count} notebook{'' if count == 1 else 's'}"
