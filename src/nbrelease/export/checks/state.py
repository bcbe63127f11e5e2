"""Names that a notebook's kernel knows and a module does not.

In a kernel every cell sees what any other cell left behind. In the written module the exported
cells come first, in order, then ``main()``, whose variables are its own, and the other cells are
not there at all. Each rule is one way in which that difference bites.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nbrelease.export import commandline, names
from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Role, Source

RESERVED = ("main", "_arguments", "_Parser")


def check(source: Source) -> None:
    """Follow every name that an exported cell reads or binds."""
    _State(source).check()


class _State:
    """The names of a notebook by where they live in the written module."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.exported = source.of(Role.EXPORT)
        self.mains = source.of(Role.MAIN)
        self.parameters = _union(cell.defined for cell in source.of(Role.PARAMETERS))
        written = (*self.exported, *self.mains, *source.of(Role.PARAMETERS))
        self.imported = _union(cell.imported for cell in written)
        self.module = _union(cell.defined for cell in self.exported)
        self.main_locals = _union(cell.defined for cell in self.mains)
        self.stars = any(
            isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
            for cell in source.cells
            for node in cell.imports
        )
        self.known = names.BUILTINS | self.imported

    def check(self) -> None:
        self._parameter_cells()
        self._module_cells()
        self._main_cells()
        self._test_cells()
        self._rebound()

    def _parameter_cells(self) -> None:
        """What annotations and defaults read: Literal, date and the like."""
        written = {each.bound for each in commandline.imports(self.source.parameters)}
        for cell in self.source.of(Role.PARAMETERS) if self.mains else ():
            for name in sorted(cell.names.now - self.known - written - self.parameters):
                self._missing(cell, name, at_once=True)

    def _module_cells(self) -> None:
        so_far: set[str] = set()
        for cell in self.exported:
            bound = cell.defined
            for name in sorted(cell.names.now - self.known):
                if name in bound and name not in so_far:
                    if names.read_too_early(cell.tree, name):
                        self._too_early(cell, name)
                elif name not in so_far:
                    self._missing(cell, name, at_once=True)
            for name in sorted(cell.names.later - self.known - self.module - cell.names.now):
                self._missing(cell, name, at_once=False)
            so_far |= bound

    def _main_cells(self) -> None:
        so_far = set(self.parameters | self.module)
        for cell in self.mains:
            bound = cell.defined
            for name in sorted(bound & self.module):
                self.source.report(
                    rules.SHADOWED,
                    cell.cell,
                    names.first(cell.tree, name, ast.Store),
                    f"{name} is exported code, and a variable of main() here",
                    "give the variable another name",
                )
            for name in sorted(cell.names.now - self.known):
                if name in bound and name not in so_far:
                    if names.read_too_early(cell.tree, name):
                        self._too_early(cell, name)
                elif name not in so_far:
                    self._missing(cell, name, at_once=True)
            available = so_far | self.main_locals
            for name in sorted(cell.names.later - self.known - available - cell.names.now):
                self._missing(cell, name, at_once=False)
            so_far |= bound

    def _test_cells(self) -> None:
        fixtures = _union(
            cell.defined for cell in self.source.of(Role.TEST) if holds_definitions(cell.tree)
        )
        for cell in self.source.of(Role.TEST):
            known = self.known | self.module | cell.names.bound | fixtures
            known |= _union(each.imported for each in self.source.of(Role.TEST))
            for name in sorted((cell.names.now | cell.names.later) - known):
                self._missing_in_test(cell, name)

    def _missing_in_test(self, cell: CodeCell, name: str) -> None:
        if name in names.NOTEBOOK_ONLY:
            return
        if name in self.parameters or name in self.main_locals:
            where = "a parameter" if name in self.parameters else "a variable of main()"
            message, mend = f"{name} is {where}, which no test has", "make the value in the test"
        elif others := self.source.definitions(name, Role.TEST):
            message = f"{name} comes from the test cell {others[0].cell.id}; each test runs alone"
            mend = f"define {name} here, or make it a fixture of pytest"
        elif others := self.source.definitions(name, Role.NONE):
            imported = name in others[0].imported
            rule = rules.IMPORT if imported else rules.TEST_STATE
            what = "imported" if imported else "defined"
            self.source.report(
                rule,
                cell.cell,
                names.first(cell.tree, name),
                f"{name} is {what} only in the untagged cell {others[0].cell.id}",
                f"tag that cell export, or {'import' if imported else 'define'} {name} here",
            )
            return
        else:
            self._undefined(cell, name)
            return
        self.source.report(rules.TEST_STATE, cell.cell, names.first(cell.tree, name), message, mend)

    def _missing(self, cell: CodeCell, name: str, *, at_once: bool) -> None:
        """A name that the written module would not have: say where it is instead."""
        if name in names.NOTEBOOK_ONLY:
            if name != "display":
                self.source.report(
                    rules.MAGIC,
                    cell.cell,
                    names.first(cell.tree, name),
                    f"{name} is there in notebooks only",
                    "move the line to a cell without the tag",
                )
            return
        node = names.first(cell.tree, name)
        if cell.role is Role.EXPORT and (name in self.parameters or name in self.main_locals):
            kind = "a parameter" if name in self.parameters else "a variable of a main cell"
            self.source.report(
                rules.MAIN_LOCAL,
                cell.cell,
                node,
                f"{name} is {kind}: main() has it, the module does not",
                f"give it to the function as an argument {name}",
            )
            return
        own = Role.MAIN if cell.role is Role.MAIN else Role.EXPORT
        if later := self.source.definitions(name, own):
            if at_once:
                self._too_early(cell, name, later[0])
            return
        if others := self.source.definitions(name, Role.NONE):
            self._elsewhere(cell, name, others[0], node)
        elif others := self.source.definitions(name, Role.TEST):
            self.source.report(
                rules.NOT_EXPORTED,
                cell.cell,
                node,
                f"{name} is defined only in the test cell {others[0].cell.id}",
                "move its definition to a cell tagged export",
            )
        else:
            self._undefined(cell, name)

    def _elsewhere(self, cell: CodeCell, name: str, other: CodeCell, node: ast.AST | None) -> None:
        if name in other.imported:
            rule, what = rules.IMPORT, "imported"
        elif cell.role is Role.MAIN:
            rule, what = rules.HIDDEN_STATE, "made"
        else:
            rule, what = rules.NOT_EXPORTED, "defined"
        tag = "main" if rule is rules.HIDDEN_STATE else "export"
        self.source.report(
            rule,
            cell.cell,
            node,
            f"{name} is {what} only in cell {other.cell.id}, which is not exported",
            f"tag that cell {tag}, or move the line to one that is",
        )

    def _undefined(self, cell: CodeCell, name: str) -> None:
        if self.stars:
            return
        self.source.report(
            rules.UNDEFINED,
            cell.cell,
            names.first(cell.tree, name),
            f"{name} is defined nowhere in the notebook",
            "define or import it; a fresh kernel would not know it either",
        )

    def _too_early(self, cell: CodeCell, name: str, other: CodeCell | None = None) -> None:
        where = f"cell {other.cell.id}, further down" if other is not None else "a later line"
        self.source.report(
            rules.TOO_EARLY,
            cell.cell,
            names.first(cell.tree, name),
            f"{name} is used here and defined in {where}",
            "move the definition up",
        )

    def _rebound(self) -> None:
        """Parameters with another value, names with two definitions, names that export writes."""
        seen: dict[str, CodeCell] = {}
        for cell in self.source.cells:
            if cell.role in (Role.EXPORT, Role.MAIN, Role.NONE):
                for name in sorted(cell.names.bound & self.parameters):
                    self._reassigned(cell, name)
            if cell.role is not Role.EXPORT:
                continue
            for name in sorted(cell.defined):
                if name in RESERVED and self.source.runnable:
                    self.source.report(
                        rules.RESERVED,
                        cell.cell,
                        names.first(cell.tree, name, ast.Store),
                        f"{name} is written by the export",
                        "give it another name",
                    )
                if name in seen:
                    self.source.report(
                        rules.DUPLICATE,
                        cell.cell,
                        names.first(cell.tree, name, ast.Store),
                        f"{name} is defined in cell {seen[name].cell.id} too; this one counts",
                        "keep one of them",
                    )
                seen[name] = cell

    def _reassigned(self, cell: CodeCell, name: str) -> None:
        self.source.report(
            rules.REASSIGNED,
            cell.cell,
            names.first(cell.tree, name, ast.Store),
            f"the parameter {name} is given another value",
            "use another name, so that the value that was asked for stays visible",
        )


def holds_definitions(tree: ast.Module) -> bool:
    """Whether a test cell is pytest's own code: tests or fixtures, and nothing that runs."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    named = False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named |= node.name.startswith("test_") or any(
                "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
            )
        elif isinstance(node, ast.ClassDef):
            named |= node.name.startswith("Test")
        elif not isinstance(node, (*kinds, ast.Assign, ast.AnnAssign)) and not is_own_call(node):
            return False
    return named


def is_own_call(node: ast.stmt) -> bool:
    """``test_something(…)`` on a line of its own: how a notebook runs a test that it defines."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id.startswith("test_")
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)
