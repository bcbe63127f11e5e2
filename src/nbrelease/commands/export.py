"""``nbrelease export``: write main.py and its tests out of the tagged cells of notebooks."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import click

from nbrelease import console
from nbrelease.errors import RunFailed, UsageError
from nbrelease.export import Export, plan
from nbrelease.export.diagnostic import RULES, STALE, Diagnostic, Level
from nbrelease.export.formats import FORMATS
from nbrelease.export.layout import Choices, cache_of, load


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is stale.")
@click.option("--watch", is_flag=True, help="Export again on every save, until interrupted.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help="How findings are printed; in Azure Pipelines ado, on GitHub github, else text.",
)
@click.option("--rules", is_flag=True, help="List what is looked for, and end.")
def command(
    notebooks: tuple[Path, ...], check: bool, watch: bool, form: str | None, rules: bool
) -> int:
    """Export NOTEBOOKS, by default all of the project's that have tagged cells.

    An error in a notebook keeps it from being exported, and so does an edit by hand of a written
    file: nbrelease sync carries it back. Codes are explained in docs/diagnostics.md.
    """
    if rules:
        for rule in RULES.values():
            console.out(f"{rule.code} {rule.name:24} {rule.level:8} {rule.summary}")
        return 0
    form = form or _form()
    choices = load()
    if watch:
        from nbrelease.export.watch import watch as follow  # watchfiles starts threads

        return follow(choices.layout, notebooks)
    gc.disable()  # a short life with many syntax trees: half of the time would go into collecting
    exports = plan(choices.layout, notebooks, cache_of(choices.layout))
    if not exports:
        shown = choices.layout.shown(choices.layout.notebooks)
        raise UsageError(f"{shown}/ holds no notebook with cells tagged export or main")
    found = [each for export in exports for each in export.found]
    if check:
        found += [each for export in exports for each in _stale(export, choices)]
    _print_findings(found, form, choices.layout.root)
    if form == "text":
        for export in exports:
            for edit in export.edits:
                console.info(f"\n{edit.path}, {edit.title}:\n{edit.report()}")
    if check:
        return _check(exports, found, choices, form)
    written = sum(_write(export, choices, form == "text") for export in exports)
    failed = [export.path for export in exports if export.failed]
    if failed:
        raise RunFailed(f"not exported: {', '.join(failed)}")
    if form == "text" and not written:
        console.out(f"{_notebooks(exports)}: everything is up to date")
    return 0


def _form() -> str:
    if os.environ.get("TF_BUILD"):
        return "ado"
    return "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"


def _print_findings(found: list[Diagnostic], form: str, root: Path) -> None:
    text = FORMATS[form](found, root)
    if form == "text":
        if text:
            console.info(text)
    elif text:
        console.out(text)


def _write(export: Export, choices: Choices, say: bool) -> int:
    if export.failed:
        return 0
    written = export.write()
    if say:
        for file in written:
            console.out(f"{choices.layout.shown(file.path)}: written")
    return len(written)


def _stale(export: Export, choices: Choices) -> list[Diagnostic]:
    """A finding for each file that is not what the notebook gives; edits by hand are their own."""
    if export.edits:
        return []
    return [
        Diagnostic(
            STALE,
            choices.layout.shown(file.path),
            "",
            1,
            1,
            f"it is not what {export.path} gives",
            "run nbrelease export and commit the result",
        )
        for file in export.stale
    ]


def _check(exports: list[Export], found: list[Diagnostic], choices: Choices, form: str) -> int:
    """Fail on errors and stale files, and on untested functions where the settings say so."""
    errors = sum(each.rule.level is Level.ERROR for each in found)
    reasons = [f"{errors} error{'s' if errors > 1 else ''}"] if errors else []
    untested = [f"{name} of {each.path}" for each in exports for name in each.untested]
    if untested and choices.untested_fails:
        reasons.append(f"no test: {', '.join(untested)}")
    if reasons:
        raise RunFailed("; ".join(reasons))
    if form == "text":
        console.out(f"{_notebooks(exports)}: everything is up to date")
    return 0


def _notebooks(exports: list[Export]) -> str:
    count = sum(export.exports for export in exports)
    return f"{count} notebook{'' if count == 1 else 's'}"
