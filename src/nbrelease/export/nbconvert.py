"""The export as a format of nbconvert: ``jupyter nbconvert --to nbrelease``, and in JupyterLab.

nbconvert makes one object of every exporter that is installed, also to print its help: the
constructor is its own, and everything of ours is imported when a notebook is converted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import Exporter


class NbreleaseExporter(Exporter):  # type: ignore[misc] # nbconvert has no types
    """Writes the module of a notebook's tagged cells."""

    export_from_notebook = "nbrelease module"
    """What JupyterLab calls it in «Save and Export Notebook As»."""
    output_mimetype = "text/x-python"

    def _file_extension_default(self) -> str:
        return ".py"

    def from_notebook_node(
        self, nb: Any, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """The module's text: in a project the very one that ``nbrelease export`` writes.

        Raises:
            ConversionException: something in the notebook keeps it from being exported.
        """
        from nbconvert.utils.exceptions import ConversionException

        from nbrelease.errors import UserError

        copy, resources = super().from_notebook_node(nb, resources, **kw)
        metadata = resources.get("metadata", {})
        path = Path(metadata.get("path") or ".", f"{metadata.get('name', 'notebook')}.ipynb")
        try:
            return _module(json.dumps(copy).encode(), path), resources
        except UserError as error:
            raise ConversionException(str(error)) from None


def _module(content: bytes, path: Path) -> str:
    """The module of a notebook.

    Raises:
        UserError: it cannot be exported.
    """
    from nbrelease.errors import NotebookError, SettingsError
    from nbrelease.export import beside, blocks, checks, module
    from nbrelease.export.diagnostic import Level
    from nbrelease.export.formats import text
    from nbrelease.export.layout import cache_of
    from nbrelease.export.layout import load as load_layout
    from nbrelease.export.project import shared_modules
    from nbrelease.export.reading import load
    from nbrelease.export.result import DEFAULT_WIDTH
    from nbrelease.notebook import parse

    name, width, own = path.name, DEFAULT_WIDTH, frozenset[str]()
    try:
        layout = load_layout(path.parent).layout
    except SettingsError:
        exported = "exported"  # a notebook by itself
    else:
        name, width, exported = layout.shown(path), layout.width, layout.exported.name
        own = shared_modules(layout, cache_of(layout))
    source = load(parse(content, Path(name)), name)
    checks.run(source)
    beside.check(source, exported)
    errors = [each for each in source.found if each.rule.level is Level.ERROR]
    if errors:
        raise NotebookError(text(errors))
    if not source.exports:
        raise NotebookError(f"{name}: no cell is tagged export or main")
    return blocks.join(module.render(source, width, own))
