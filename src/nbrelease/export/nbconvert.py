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
        """The module's text.

        Raises:
            ConversionException: something in the notebook keeps it from being exported.
        """
        from nbconvert.utils.exceptions import ConversionException

        from nbrelease.export import blocks, checks, module
        from nbrelease.export.diagnostic import Level
        from nbrelease.export.formats import text
        from nbrelease.export.reading import load
        from nbrelease.export.result import DEFAULT_WIDTH
        from nbrelease.notebook import parse

        copy, resources = super().from_notebook_node(nb, resources, **kw)
        name = f"{resources.get('metadata', {}).get('name', 'notebook')}.ipynb"
        source = load(parse(json.dumps(copy).encode(), Path(name)), name)
        checks.run(source)
        errors = [each for each in source.found if each.rule.level is Level.ERROR]
        if errors:
            raise ConversionException(text(errors))
        if not source.exports:
            raise ConversionException(f"{name}: no cell is tagged export or main")
        return blocks.join(module.render(source, DEFAULT_WIDTH)), resources
