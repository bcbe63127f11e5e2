"""Export notebooks to Python modules and pytest files.

``plan`` reads the notebooks of a project, checks them and renders their files; ``Export.write``
writes the files. Nothing in this package prints.
"""

from nbrelease.export.layout import Layout
from nbrelease.export.project import plan
from nbrelease.export.result import Export, ExportedFile

__all__ = ["Export", "ExportedFile", "Layout", "plan"]
