"""Read notebooks: cells with their tags and directives, and the parameters.

A cell tag and a ``#|`` directive mean the same. The package imports only the standard library and
does not use nbformat, whose validation takes longer than a whole export.
"""

from nbrelease.notebook.parameters import Parameter
from nbrelease.notebook.reader import Cell, Notebook, parse, read

__all__ = ["Cell", "Notebook", "Parameter", "parse", "read"]
