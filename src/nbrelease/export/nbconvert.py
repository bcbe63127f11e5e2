"""nbconvert exporter: ``jupyter nbconvert --to nbrelease``, also listed in JupyterLab.

nbconvert creates every installed exporter, even to print its help. So the modules of this package
are imported only when a notebook is converted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbconvert.exporters.exporter import Exporter


class NbreleaseExporter(Exporter):  # type: ignore[misc] # nbconvert has no types
    """Export a notebook's tagged cells as a module."""

    export_from_notebook = "nbrelease module"
    """The entry of JupyterLab's menu "Save and Export Notebook As"."""
    output_mimetype = "text/x-python"

    def _file_extension_default(self) -> str:
        return ".py"

    def from_notebook_node(
        self, nb: Any, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the module: in a project the same text that ``nbrelease export`` writes.

        Raises:
            ConversionException: the notebook has errors.
        """
        from nbconvert.utils.exceptions import ConversionException

        from nbrelease.errors import UserError

        copy, resources = super().from_notebook_node(nb, resources, **kw)
        metadata = resources.get("metadata", {})
        path = Path(metadata.get("path") or ".", f"{metadata.get('name', 'notebook')}.ipynb")
        try:
            return _render_module(json.dumps(copy).encode(), path), resources
        except UserError as error:
            raise ConversionException(str(error)) from None


def _render_module(content: bytes, path: Path) -> str:
    """The module of a notebook.

    Raises:
        UserError: the notebook has errors or no cells to export.
    """
    from nbrelease.errors import NotebookError, SettingsError
    from nbrelease.export import blocks, checks, generated_module, shared_modules
    from nbrelease.export.cache import Cache
    from nbrelease.export.cell_parser import parse_notebook
    from nbrelease.export.diagnostic import Level
    from nbrelease.export.formatters import format_text
    from nbrelease.export.layout import default_layout, load
    from nbrelease.export.project import shared_module_names
    from nbrelease.notebook import parse

    name, shared = path.name, frozenset[str]()
    try:
        layout = load(path.parent).layout
    except SettingsError:
        layout = default_layout(path.parent)  # a notebook outside a project
    else:
        name = layout.relative(path)
        shared = shared_module_names(layout, Cache.for_project(layout))
    source = parse_notebook(parse(content, Path(name)), name)
    checks.run(source)
    shared_modules.check(source, layout.exported.name)
    errors = [each for each in source.diagnostics if each.rule.level is Level.ERROR]
    if errors:
        raise NotebookError(format_text(errors))
    if not source.exports:
        raise NotebookError(f"{name}: no cell is tagged export or main")
    return blocks.join(generated_module.render(source, layout, shared))
