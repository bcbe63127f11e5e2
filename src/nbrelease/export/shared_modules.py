"""Shared modules: notebooks without a ``main`` cell, whose modules other notebooks import.

A job uploads one folder. So each runnable module gets its own copies of the shared modules that its
notebook imports, directly or indirectly, at the top of a cell or within a function.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Role, Source

_Import = ast.Import | ast.ImportFrom


def required_modules(
    source: Source, shared: Collection[str], load: Callable[[str], Source]
) -> list[str]:
    """The shared modules that a notebook imports, directly or indirectly, sorted.

    Args:
        source: the notebook; one without a ``main`` cell requires none.
        shared: the names of all shared modules of the project.
        load: returns the notebook of a shared module.
    """
    if not source.runnable or not shared:
        return []
    required: list[str] = []
    todo = [source]
    while todo:
        for name in _imported_packages(todo.pop()):
            if name in shared and name not in required:
                required.append(name)
                todo.append(load(name))
    return sorted(required)


def _imported_packages(source: Source) -> Iterator[str]:
    """The top-level packages that the exported cells import."""
    for cell in source.cells_with(Role.EXPORT, Role.MAIN):
        for node in _import_statements(cell):
            for name in _module_names(node):
                yield name.partition(".")[0]


def _import_statements(cell: CodeCell) -> Iterator[_Import]:
    if "import" in cell.code:
        yield from (node for node in ast.walk(cell.tree) if isinstance(node, _Import))


def _module_names(node: _Import) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.module and not node.level else []


def check(source: Source, export_folder: str) -> None:
    """Report a shared module that shadows the standard library, and imports that fail in a job.

    Args:
        source: the notebook.
        export_folder: the name of the folder of exported modules.
    """
    if not source.runnable and source.module in sys.stdlib_module_names:
        source.report(
            rules.MODULE_NAME,
            None,
            1,
            f"the module {source.module} would shadow the standard library module of that name",
            "rename the notebook, or name the module with `#| default_exp name`",
        )
    for cell in source.cells_with(Role.EXPORT, Role.MAIN):
        for node in _import_statements(cell):
            for name in _module_names(node):
                if name.partition(".")[0] == export_folder:
                    module = name.split(".")[1] if "." in name else "name"
                    source.report(
                        rules.FOLDER_IMPORT,
                        cell.cell,
                        node,
                        f"{name} cannot be imported in a job, which has no folder {export_folder}",
                        f"import {module}; the export copies it next to main.py",
                    )
