"""Export notebooks on every save."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nbrelease import console
from nbrelease.errors import NbreleaseError, UsageError
from nbrelease.export import export_state
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import Level
from nbrelease.export.formatters import format_text
from nbrelease.export.layout import Layout
from nbrelease.export.project import plan
from nbrelease.export.result import Export

DEBOUNCE_MS = 40
"""How long to collect the file events of one save."""


def watch(layout: Layout, notebooks: Sequence[Path] = ()) -> int:
    """Export notebooks whenever one is saved, until interrupted.

    Args:
        layout: the project's folders.
        notebooks: the notebooks; by default all of the project.
    """
    from watchfiles import Change
    from watchfiles import watch as file_events

    if not layout.notebooks.is_dir():
        raise UsageError(
            f"{layout.relative(layout.notebooks)}/: no such folder; set notebooks in settings.ini"
        )
    selected = {path.resolve() for path in notebooks}
    console.out(f"watching {layout.relative(layout.notebooks)}/ (stop with Ctrl-C)")
    cache = Cache.for_project(layout)  # each round parses only what was saved
    folders = sorted({path.parent for path in selected} or {layout.notebooks.resolve()})
    started = False
    for changes in file_events(
        *folders,
        debounce=DEBOUNCE_MS,
        step=10,
        rust_timeout=100,
        yield_on_timeout=True,
        watch_filter=lambda change, path: change != Change.deleted and _is_notebook(path, folders),
        raise_interrupt=True,
    ):
        if not started:  # the watcher runs: no save from now on is missed
            started = True
            _export(layout, list(notebooks), cache)
        paths = sorted({Path(path) for _, path in changes})
        saved = [path for path in paths if _is_written(path) and path in (selected or paths)]
        if saved:
            _export(layout, saved, cache)
    return 0


def _is_written(path: Path) -> bool:
    """Whether a file has content; an editor that saves it may just have emptied it."""
    try:
        return path.is_file() and path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _is_notebook(path: str, folders: Sequence[Path]) -> bool:
    """Whether a path is a notebook and neither hidden nor a checkpoint."""
    if not path.endswith(".ipynb"):
        return False
    inner = [Path(path).relative_to(each) for each in folders if Path(path).is_relative_to(each)]
    return not any(part.startswith(".") for each in inner for part in each.parts)


def _export(layout: Layout, paths: list[Path], cache: Cache) -> None:
    """Export notebooks once. An error is printed, and the next save is awaited."""
    start = time.perf_counter()
    try:
        exports = plan(layout, paths, cache)
        planned = {export.path for export in exports}
        modules = {cache.entries[path].module for path in planned if path in cache.entries}
        # Other folders hold copies of the modules that were saved.
        dependents = [
            layout.root / path
            for path, entry in cache.entries.items()
            if path not in planned and not modules.isdisjoint(entry.shared)
        ]
        if paths and dependents:
            exports += plan(layout, dependents, cache)
        for export in exports:
            _write(layout, export, start)
    except NbreleaseError as error:
        console.error(str(error))


def _write(layout: Layout, export: Export, start: float) -> None:
    """Write the files of one notebook and print one line. Notes would repeat on every save."""
    diagnostics = [each for each in export.diagnostics if each.rule.level is not Level.NOTE]
    if diagnostics:
        console.info(format_text(diagnostics))
    written = [] if export.failed else export.write()
    names = [
        layout.relative(file.path) for file in written if file.path.name != export_state.STATE_FILE
    ]
    state = "not exported" if export.failed else ", ".join(names) or "up to date"
    untested = f", {len(export.untested)} untested" if export.untested else ""
    milliseconds = (time.perf_counter() - start) * 1000
    console.out(f"{export.path}: {state} ({milliseconds:.0f} ms{untested})")
