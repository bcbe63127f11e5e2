"""A parsed notebook: each code cell has one role and is parsed once."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from nbrelease.export import name_usage
from nbrelease.export.diagnostic import Diagnostic, Level, Rule
from nbrelease.export.suppressions import MARK, Suppressions
from nbrelease.notebook import Cell, Notebook, Parameter


class Role(StrEnum):
    """Where the code of a cell is exported to."""

    PARAMETERS = "parameters"
    EXPORT = "export"
    MAIN = "main"
    TEST = "test"
    NONE = "none"


ROLES = {
    "parameters": Role.PARAMETERS,
    "export": Role.EXPORT,
    "exporti": Role.EXPORT,
    "metric": Role.EXPORT,
    "main": Role.MAIN,
    "test": Role.TEST,
}


@dataclass(frozen=True)
class CodeCell:
    """A code cell with its role and its syntax tree.

    Attributes:
        cell: the cell of the notebook.
        role: where its code is exported to.
        tree: its syntax tree; empty if the code cannot be parsed.
        code: the parsed code, with directives and display magics as blank lines.
        names: the names that it binds and reads.
        private: exported, but not in ``__all__`` (nbdev's ``exporti``).
        possible_names: the words of a cell that cannot be parsed: it may bind any of them.
    """

    cell: Cell
    role: Role
    tree: ast.Module
    code: str
    names: name_usage.NameUsage
    private: bool = False
    possible_names: frozenset[str] = frozenset()

    @cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """Its top-level import statements."""
        return tuple(
            node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)
        )

    @cached_property
    def imported_names(self) -> frozenset[str]:
        """The names that its top-level imports bind."""
        return frozenset(
            name_usage.bound_by(alias)
            for node in self.imports
            for alias in node.names
            if alias.name != "*"
        )

    @cached_property
    def defined_names(self) -> frozenset[str]:
        """The names that it binds in other ways."""
        return self.names.bound - self.imported_names


@dataclass(eq=False)
class Source:
    """A notebook's code cells, its parameters and the diagnostics so far.

    Attributes:
        notebook: the notebook.
        path: its path relative to the project, with forward slashes.
        cells: its code cells, in order.
        parameters: the parameters of its parameters cell.
        diagnostics: the diagnostics so far.
        suppressions: its comments that suppress diagnostics.
    """

    notebook: Notebook
    path: str
    cells: tuple[CodeCell, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    diagnostics: list[Diagnostic] = field(default_factory=list)
    suppressions: Suppressions = field(default_factory=Suppressions)

    def cells_with(self, *roles: Role) -> list[CodeCell]:
        """The cells with these roles, in order."""
        return [cell for cell in self.cells if cell.role in roles]

    @cached_property
    def module(self) -> str:
        """The name of its module: from ``default_exp``, else from the file name."""
        for code_cell in self.cells:
            if name := code_cell.cell.directives.get("default_exp"):
                return to_identifier(name.rpartition(".")[2])
        return to_identifier(PurePosixPath(self.path).stem)

    @cached_property
    def runnable(self) -> bool:
        """Whether its module has a ``main()``; otherwise it is a shared module."""
        return any(cell.role is Role.MAIN for cell in self.cells)

    @cached_property
    def exports(self) -> bool:
        """Whether a cell is tagged for export."""
        return any(cell.role in (Role.EXPORT, Role.MAIN) for cell in self.cells)

    def report(
        self, rule: Rule, cell: Cell | None, node: ast.AST | int | None, message: str, fix: str
    ) -> None:
        """Add a diagnostic at a node (or a line) of a cell, unless a comment suppresses it."""
        if cell is not None and self.suppressions.covers(rule, cell, node):
            return
        line, column = (node, 1) if isinstance(node, int) else _position(cell, node)
        cell_id = cell.id if cell is not None else ""
        self.diagnostics.append(Diagnostic(rule, self.path, cell_id, line, column, message, fix))

    def finish(self, *, complete: bool) -> None:
        """Check the suppressing comments and sort the diagnostics.

        Args:
            complete: whether every check has run.
        """
        for cell in self.notebook.cells:
            if cell.kind == "code" and MARK in cell.source:
                for problem in self.suppressions.problems(cell, complete=complete):
                    rule, line, message, fix = problem
                    self.report(rule, cell, line, message, fix)
        positions = {cell.id: cell.index for cell in self.notebook.cells}
        self.diagnostics.sort(
            key=lambda each: (
                each.rule.level is Level.NOTE,
                positions.get(each.cell, -1),
                each.line,
                each.column,
                each.rule.code,
            )
        )

    def definitions(self, name: str, *roles: Role) -> list[CodeCell]:
        """The cells with these roles that bind a name."""
        return [cell for cell in self.cells if cell.role in roles and name in cell.names.bound]


def _position(cell: Cell | None, node: ast.AST | None) -> tuple[int, int]:
    """The 1-based line and column of a node; Python counts columns in UTF-8 bytes."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    if cell is not None and column and not cell.source.isascii():
        text = cell.source.split("\n")[line - 1].encode()
        column = len(text[:column].decode(errors="ignore"))
    return line, column + 1


def to_identifier(text: str) -> str:
    """A text as a Python identifier that is no keyword, in the form in which Python compares it.

    macOS stores ``ü`` in a file name as two characters.
    """
    name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", text))
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"nb_{name}"
