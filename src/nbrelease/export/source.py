"""A notebook as the export sees it: every cell has one role, its code is parsed once."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from nbrelease.export import names
from nbrelease.export.diagnostic import Diagnostic, Level, Rule
from nbrelease.export.ignores import MARK, Ignores
from nbrelease.notebook import Cell, Notebook, Parameter


class Role(StrEnum):
    """What becomes of a cell."""

    PARAMETERS = "parameters"
    EXPORT = "export"
    MAIN = "main"
    TEST = "test"
    NONE = "none"


ROLES = {
    "parameters": Role.PARAMETERS,
    "export": Role.EXPORT,
    "exporti": Role.EXPORT,
    "main": Role.MAIN,
    "test": Role.TEST,
}


@dataclass(frozen=True)
class CodeCell:
    """A code cell with its role and its parsed code.

    Attributes:
        cell: as in the notebook.
        role: what becomes of it.
        tree: its syntax tree; of nothing when it cannot be parsed.
        code: the code that was parsed: directives and harmless magics are blank lines.
        names: what it binds and reads.
        private: exported, but not for ``import *`` (nbdev's ``exporti``).
    """

    cell: Cell
    role: Role
    tree: ast.Module
    code: str
    names: names.Names
    private: bool = False

    @cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """The imports at the top level."""
        return tuple(
            node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)
        )

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that these bind."""
        return frozenset(
            names.bound_by(alias)
            for node in self.imports
            for alias in node.names
            if alias.name != "*"
        )

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names that it binds otherwise."""
        return self.names.bound - self.imported


@dataclass
class Source:
    """A notebook's cells by role, its parameters, and what was found while reading them.

    Attributes:
        notebook: the notebook.
        path: its path from the project's folder, with forward slashes.
        cells: its code cells, in order.
        parameters: what its parameters cell declares.
        found: the findings so far.
        ignores: its comments that ignore findings.
    """

    notebook: Notebook
    path: str
    cells: tuple[CodeCell, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    found: list[Diagnostic] = field(default_factory=list)
    ignores: Ignores = field(default_factory=Ignores)

    def of(self, *roles: Role) -> list[CodeCell]:
        """The cells of these roles, in the notebook's order."""
        return [cell for cell in self.cells if cell.role in roles]

    @cached_property
    def module(self) -> str:
        """The name of its module: ``default_exp``'s word, or the file's name as an identifier."""
        for code_cell in self.cells:
            if name := code_cell.cell.directives.get("default_exp"):
                return identifier(name.rpartition(".")[2])
        return identifier(PurePosixPath(self.path).stem)

    @cached_property
    def runnable(self) -> bool:
        """Whether it has a ``main``; without one it is a module for others to import."""
        return any(cell.role is Role.MAIN for cell in self.cells)

    @cached_property
    def exports(self) -> bool:
        """Whether anything of it is exported."""
        return any(cell.role in (Role.EXPORT, Role.MAIN) for cell in self.cells)

    def report(
        self, rule: Rule, cell: Cell | None, node: ast.AST | int | None, message: str, mend: str
    ) -> None:
        """Add a finding at a node (or a line) of a cell, unless the line says to ignore it."""
        if cell is not None and self.ignores.covers(rule, cell, node):
            return
        line, column = (node, 1) if isinstance(node, int) else _position(cell, node)
        where = cell.id if cell is not None else ""
        self.found.append(Diagnostic(rule, self.path, where, line, column, message, mend))

    def finish(self, *, complete: bool) -> None:
        """Look at the comments that ignore findings, and bring the findings into order.

        Args:
            complete: whether everything was looked for.
        """
        for cell in self.notebook.cells:
            if cell.kind == "code" and MARK in cell.source:
                for rule, line, message, mend in self.ignores.problems(cell, complete=complete):
                    self.report(rule, cell, line, message, mend)
        places = {cell.id: cell.index for cell in self.notebook.cells}
        self.found.sort(
            key=lambda each: (
                each.rule.level is Level.NOTE,
                places.get(each.cell, -1),
                each.line,
                each.column,
                each.rule.code,
            )
        )

    def definitions(self, name: str, *roles: Role) -> list[CodeCell]:
        """The cells of these roles that bind a name."""
        return [cell for cell in self.cells if cell.role in roles and name in cell.names.bound]


def _position(cell: Cell | None, node: ast.AST | None) -> tuple[int, int]:
    """Line and column of a node, from 1; Python counts columns in bytes, people in characters."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    if cell is not None and column and not cell.source.isascii():
        text = cell.source.split("\n")[line - 1].encode()
        column = len(text[:column].decode(errors="ignore"))
    return line, column + 1


def identifier(text: str) -> str:
    """A text as a name of Python."""
    name = re.sub(r"\W", "_", text)
    return name if name[:1].isidentifier() else f"nb_{name}"
