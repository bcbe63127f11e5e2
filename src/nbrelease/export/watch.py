"""Export on save: what changed only, a line each time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nbrelease import console
from nbrelease.errors import NbreleaseError, UsageError
from nbrelease.export import ledger
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import Level
from nbrelease.export.formats import text
from nbrelease.export.layout import cache_of
from nbrelease.export.project import plan
from nbrelease.export.result import Export, Layout

DEBOUNCE_MS = 40
"""How long a burst of events of one save is gathered; well under what a person notices."""


def watch(layout: Layout, chosen: Sequence[Path] = ()) -> int:
    """Export the notebooks whenever one of them is saved, until interrupted.

    Args:
        layout: where things are.
        chosen: the notebooks; by default all of the folder.
    """
    from watchfiles import Change
    from watchfiles import watch as events

    if not layout.notebooks.is_dir():
        raise UsageError(f"{layout.shown(layout.notebooks)}/: no such folder; see settings.ini")
    wanted = {path.resolve() for path in chosen}
    console.out(f"watching {layout.shown(layout.notebooks)}/; Ctrl-C ends it")
    cache = cache_of(layout)  # so that a round parses what was saved, and nothing else
    folders = sorted({path.parent for path in wanted} or {layout.notebooks.resolve()})
    began = False
    for changes in events(
        *folders,
        debounce=DEBOUNCE_MS,
        step=10,
        rust_timeout=100,
        yield_on_timeout=True,
        watch_filter=lambda change, path: change != Change.deleted and _is_notebook(path, folders),
        raise_interrupt=True,
    ):
        if not began:  # now that nothing that is saved meanwhile is missed
            began = True
            _export(layout, list(chosen), cache)
        paths = sorted({Path(path) for _, path in changes})
        saved = [path for path in paths if path.is_file() and path in (wanted or paths)]
        if saved:
            _export(layout, saved, cache)
    return 0


def _is_notebook(path: str, folders: Sequence[Path]) -> bool:
    """Whether a path is a notebook that people work on: checkpoints and the like are hidden."""
    if not path.endswith(".ipynb"):
        return False
    inner = [Path(path).relative_to(each) for each in folders if Path(path).is_relative_to(each)]
    return not any(part.startswith(".") for each in inner for part in each.parts)


def _export(layout: Layout, paths: list[Path], cache: Cache) -> None:
    """One round; what is wrong is said, and the next save is waited for."""
    began = time.perf_counter()
    try:
        exports = plan(layout, paths, cache)
        shown = {export.path for export in exports}
        saved = {cache.entries[path].module for path in shown if path in cache.entries}
        # Copies of a shared module lie beside others, which have to follow.
        others = [
            layout.root / path
            for path, entry in cache.entries.items()
            if path not in shown and not saved.isdisjoint(entry.uses)
        ]
        if paths and others:
            exports += plan(layout, others, cache)
        for export in exports:
            _write(layout, export, began)
    except NbreleaseError as error:
        console.error(str(error))


def _write(layout: Layout, export: Export, began: float) -> None:
    """Write one notebook's files, and say so in a line; notes would be said on every save."""
    said = [each for each in export.found if each.rule.level is not Level.NOTE]
    if said:
        console.info(text(said))
    written = [] if export.failed else export.write()
    names = [layout.shown(file.path) for file in written if file.path.name != ledger.NAME]
    state = "not exported" if export.failed else ", ".join(names) or "no change"
    untested = f", {len(export.untested)} untested" if export.untested else ""
    console.out(f"{export.path}: {state} ({(time.perf_counter() - began) * 1000:.0f} ms{untested})")
