"""Read notebooks: cells with their tags and directives, and the parameters.

A cell tag and a ``#|`` directive mean the same. Only ``load_nbformat`` uses
nbformat, whose validation takes longer than a whole export.
"""

from nbrelease.notebook.parameters import Parameter
from nbrelease.notebook.reader import INJECTED, Cell, Notebook, load_nbformat, parse, read

__all__ = ["INJECTED", "Cell", "Notebook", "Parameter", "load_nbformat", "parse", "read"]
