"""Collect the imports of cells and format them sorted as ruff's isort rules do.

An import that only untagged or test cells use is omitted from the module. An import that no cell
uses is kept, because it may have a side effect.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nbrelease.export.layout import Layout
from nbrelease.export.source import CodeCell

if TYPE_CHECKING:
    import isort

PRAGMA = re.compile(r"#\s*(?:noqa|type:|pyright:|pragma:|pylint:|isort:).*$")


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        module: the module, with leading dots; empty for ``import name``.
        name: the imported name.
        alias: the name after ``as``; may be empty.
        pragma: a trailing comment for a tool; may be empty.
    """

    module: str
    name: str
    alias: str = ""
    pragma: str = ""

    @property
    def bound(self) -> str:
        """The name that it binds."""
        return self.alias or (self.name if self.module else self.name.partition(".")[0])

    @property
    def statement(self) -> str:
        """It as a statement of its own."""
        name = f"{self.name} as {self.alias}" if self.alias else self.name
        prefix = f"from {self.module} " if self.module else ""
        pragma = f"  {self.pragma}" if self.pragma else ""
        return f"{prefix}import {name}{pragma}"


def imports_of(cell: CodeCell) -> list[Import]:
    """The top-level imports of a cell."""
    return [each for each, _ in imports_with_nodes(cell)]


def imports_with_nodes(cell: CodeCell) -> list[tuple[Import, ast.stmt]]:
    """The top-level imports of a cell, each with its statement."""
    lines = cell.code.split("\n")
    result: list[tuple[Import, ast.stmt]] = []
    for node in cell.imports:
        match = PRAGMA.search(lines[(node.end_lineno or node.lineno) - 1])
        pragma = match[0] if match else ""
        module = ""
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
        result += [
            (Import(module, each.name, each.asname or "", pragma), node) for each in node.names
        ]
    return result


def has_effect(each: Import) -> bool:
    """Whether an import is kept although nothing uses it."""
    return each.module == "__future__" or each.name == "*" or bool(each.pragma)


def select_required(
    imports: Iterable[Import], used: Collection[str], used_elsewhere: Collection[str]
) -> list[Import]:
    """Select the imports for a file.

    Args:
        imports: the imports of the notebook.
        used: the names that the code of the file reads.
        used_elsewhere: the names that other cells of the notebook read.
    """
    return [
        each
        for each in imports
        if has_effect(each) or each.bound in used or each.bound not in used_elsewhere
    ]


def render(imports: Iterable[Import], layout: Layout, own: Collection[str] = ()) -> str:
    """The import statements in sections: future, standard library, third party, first party.

    Args:
        imports: the imports.
        layout: the project's folders.
        own: modules of the export. Whether tools sort them as first or third party depends on their
            settings, so a comment separates them.
    """
    exported: list[Import] = []
    other: list[Import] = []
    for each in imports:
        package = (each.module or each.name).partition(".")[0]
        (exported if package in own else other).append(each)
    sections = [_sort(_statements(other), layout)] if other else []
    if exported:
        sections.append(f"# isort: split\n{_sort(_statements(exported), layout)}")
    return "\n\n".join(sections)


def _statements(imports: Iterable[Import]) -> str:
    """Import statements, one for each module: isort needs 15 microseconds for a line."""
    names: dict[str, list[str]] = {}
    for each in imports:
        simple = each.module and each.name != "*" and not each.alias and not each.pragma
        statement = f"from {each.module} import " if simple else each.statement
        names.setdefault(statement, []).append(each.name if simple else "")
    return "\n".join(
        statement + ", ".join(dict.fromkeys(each)) for statement, each in names.items()
    )


@lru_cache(maxsize=64)
def _sort(code: str, layout: Layout) -> str:
    """Sorted import statements. Notebooks of a project often import the same."""
    import isort  # takes 45 ms, and an export without changes renders nothing

    return isort.code(code, config=_isort_config(layout)).strip()


@lru_cache
def _isort_config(layout: Layout) -> isort.Config:
    import isort

    sources = tuple(layout.sources)  # by default, those of the current folder
    return isort.Config(profile="black", line_length=layout.width, src_paths=sources)


def type_order(name: str) -> int:
    """Isort's order by type: constants, classes, functions."""
    if len(name) > 1 and name.isupper():
        return 0
    return 1 if name[:1].isupper() else 2


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """A sort key: ``x2`` before ``x10``, and case decides last."""
    parts = re.findall(r"\d+|\D+", text.lower())
    key = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
    return [*key, (2, 0, text)]
