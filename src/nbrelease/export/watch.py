"""Export on save: what changed only, a line each time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nbrelease import console
from nbrelease.errors import NbreleaseError
from nbrelease.export.cache import Cache
from nbrelease.export.formats import text
from nbrelease.export.layout import cache_of
from nbrelease.export.project import plan
from nbrelease.export.result import Layout

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

    wanted = {path.resolve() for path in chosen}
    shown = layout.shown(layout.notebooks)
    console.out(f"watching {shown}/; Ctrl-C ends it")
    cache = cache_of(layout)  # so that a round parses what was saved, and nothing else
    _export(layout, list(chosen), cache)
    folders = {path.parent for path in wanted} or {layout.notebooks.resolve()}
    for changes in events(
        *folders,
        debounce=DEBOUNCE_MS,
        step=10,
        rust_timeout=500,
        watch_filter=lambda change, path: (
            change != Change.deleted and path.endswith(".ipynb") and "/." not in path
        ),
        raise_interrupt=True,
    ):
        paths = sorted({Path(path) for _, path in changes})
        saved = [path for path in paths if path.is_file() and path in (wanted or paths)]
        _export(layout, saved, cache)
    return 0


def _export(layout: Layout, paths: list[Path], cache: Cache) -> None:
    """One round; what is wrong is said, and the next save is waited for."""
    began = time.perf_counter()
    try:
        exports = plan(layout, paths, cache)
        for export in exports:
            if export.found:
                console.info(text(export.found))
            written = [] if export.failed else export.write()
            names = ", ".join(layout.shown(file.path) for file in written) or "no change"
            state = "not exported" if export.failed else names
            console.out(f"{export.path}: {state} ({(time.perf_counter() - began) * 1000:.0f} ms)")
    except NbreleaseError as error:
        console.error(str(error))
