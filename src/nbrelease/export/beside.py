"""Modules that notebooks share: which ones a ``main.py`` needs, and their copies beside it.

A job is given one folder, so each runnable module has its own copies of what its notebook imports
from other notebooks, directly or not, at the top of a cell or within a function.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Role, Source

_Import = ast.Import | ast.ImportFrom


def needed(source: Source, known: Collection[str], library: Callable[[str], Source]) -> list[str]:
    """The shared modules that a runnable one imports, and those that they import; sorted.

    Args:
        source: the notebook.
        known: the names of all shared modules.
        library: gives the notebook of one.
    """
    if not source.runnable or not known:
        return []
    found: list[str] = []
    todo = [source]
    while todo:
        for name in _imported(todo.pop()):
            if name in known and name not in found:
                found.append(name)
                todo.append(library(name))
    return sorted(found)


def _imported(source: Source) -> Iterator[str]:
    """The first parts of all modules that the exported cells import, in order."""
    for cell in source.of(Role.EXPORT, Role.MAIN):
        for node in _imports(cell):
            for name in _modules(node):
                yield name.partition(".")[0]


def _imports(cell: CodeCell) -> Iterator[_Import]:
    if "import" in cell.code:
        yield from (node for node in ast.walk(cell.tree) if isinstance(node, _Import))


def _modules(node: _Import) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if node.module and not node.level else []


def check(source: Source, exported: str) -> None:
    """Report a name that would hide one of Python's modules, and imports that a job cannot do.

    Args:
        source: the notebook.
        exported: the name of the folder that modules are written to.
    """
    if not source.runnable and source.module in sys.stdlib_module_names:
        source.report(
            rules.MODULE_NAME,
            None,
            1,
            f"the module {source.module} would hide Python's own",
            "rename the notebook, or give it a cell with «#| default_exp name»",
        )
    for cell in source.of(Role.EXPORT, Role.MAIN):
        for node in _imports(cell):
            for name in _modules(node):
                if name.partition(".")[0] == exported:
                    shared = name.split(".")[1] if "." in name else "name"
                    source.report(
                        rules.NOT_BESIDE,
                        cell.cell,
                        node,
                        f"a job has no folder {exported}: {name} is not there",
                        f"import {shared}; it is copied beside main.py",
                    )
