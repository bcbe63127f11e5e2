"""Notebook in, module and tests out: what is tagged becomes what others run and trust.

``plan`` reads a project's notebooks, checks them and tells what their files have to be; an
``Export`` writes itself. Nothing here prints.
"""

from nbrelease.export.project import plan
from nbrelease.export.result import Export, File, Layout

__all__ = ["Export", "File", "Layout", "plan"]
