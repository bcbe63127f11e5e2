"""Check a notebook as an editor holds it, with changes that are not saved.

The language server and the JupyterLab extension call this after a pause in typing, so both show
what ``nbrelease export`` would report for the saved file.
"""

from __future__ import annotations

from pathlib import Path

from nbrelease.errors import SettingsError
from nbrelease.export.cache import Cache
from nbrelease.export.layout import Layout, default_layout, load
from nbrelease.export.project import plan
from nbrelease.export.result import Export
from nbrelease.project_root import find_root


def check_open_notebook(path: Path, content: bytes, cache: Cache | None = None) -> Export:
    """Check a notebook and render its module in memory. Nothing is written.

    Args:
        path: the file of the notebook; it may not exist yet. In a project its shared modules and
            exported files are considered; elsewhere it is checked alone.
        content: the notebook as JSON, as it would be saved.
        cache: results of the other notebooks. An editor keeps one cache for each project.

    Returns:
        The diagnostics with the parsed notebook (``source``), and the files that an export would
        write. A file that is not a notebook has a diagnostic and no source.

    Raises:
        SettingsError: the project's settings.ini is invalid.
    """
    path = path.resolve()
    cache = cache if cache is not None else Cache()
    layout = find_layout(path)
    cache.entries.pop(layout.relative(path), None)  # a cached result has no source
    return plan(layout, [path], cache, {path: content})[0]


def find_layout(path: Path) -> Layout:
    """The folders of the project that a notebook is in; those of its own folder outside a project.

    Raises:
        SettingsError: the project's settings.ini is invalid.
    """
    try:
        root = find_root(path.parent)
    except SettingsError:
        return default_layout(path.parent)
    return load(root).layout
