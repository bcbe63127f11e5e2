"""Notebooks as the export, the runner, the checks and the evidence read them.

Cells with their tags (cell tags and ``#|`` directives mean the same) and the parameters that the
cell tagged ``parameters`` declares, read from its syntax tree. Light: the file is JSON, and nothing
but the standard library is imported.
"""

from nbrelease.notebook.cells import Cell, Notebook, parse, read
from nbrelease.notebook.parameters import Parameter

__all__ = ["Cell", "Notebook", "Parameter", "parse", "read"]
