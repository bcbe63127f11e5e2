"""Check for names that the notebook's kernel knows and the exported module does not.

In a kernel every cell sees the names of all cells. In the module the export cells come first, in
order, then ``main()`` with local variables, and the other cells are missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from nbrelease.export import command_line, imports, name_usage
from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Role, Source

RESERVED_NAMES = ("main", "_arguments", "_Parser")


def check(source: Source) -> None:
    """Check every name that an exported cell reads or binds."""
    _NameScopes(source).check()


def find_unused_imports(source: Source) -> Iterator[tuple[CodeCell, imports.Import, ast.stmt]]:
    """Imports that the module has and no cell uses, each with its cell and its statement."""
    return _NameScopes(source).unused_imports()


class _NameScopes:
    """The names of a notebook by their scope in the exported module."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.export_cells = source.cells_with(Role.EXPORT)
        self.main_cells = source.cells_with(Role.MAIN)
        self.parameters = _union(cell.defined_names for cell in source.cells_with(Role.PARAMETERS))
        exported = (*self.export_cells, *self.main_cells, *source.cells_with(Role.PARAMETERS))
        self.imported = _union(cell.imported_names for cell in exported)
        self.module_names = _union(cell.defined_names for cell in self.export_cells)
        self.main_locals = _union(cell.defined_names for cell in self.main_cells)
        self.exported_star_import = any(_star_import(cell) for cell in exported)
        self.possible = _union(cell.possible_names for cell in exported)
        self.known = name_usage.BUILTINS | self.imported | self.possible

    def check(self) -> None:
        self._check_parameters_cell()
        self._check_export_cells()
        self._check_main_cells()
        self._check_test_cells()
        self._check_assignments()
        self._check_unused_imports()

    def _check_parameters_cell(self) -> None:
        """Check names in annotations and defaults, such as Literal and date."""
        generated = {each.bound for each in command_line.imports(self.source.parameters)}
        for cell in self.source.cells_with(Role.PARAMETERS) if self.main_cells else ():
            known = self.known | generated | self.parameters
            for name in sorted(cell.names.immediate - known):
                self._report_missing(cell, name, immediate=True)

    def _check_export_cells(self) -> None:
        defined_before: set[str] = set()
        for cell in self.export_cells:
            self._check_immediate_names(cell, defined_before)
            known = self.known | self.module_names | cell.names.immediate
            for name in sorted(cell.names.deferred - known):
                self._report_missing(cell, name, immediate=False)
            defined_before |= cell.defined_names

    def _check_main_cells(self) -> None:
        defined_before = set(self.parameters | self.module_names)
        for cell in self.main_cells:
            for name in sorted(cell.defined_names & self.module_names):
                self.source.report(
                    rules.SHADOWED,
                    cell.cell,
                    name_usage.first_node(cell.tree, name, ast.Store),
                    f"{name} is defined in an export cell; the assignment makes it a local "
                    "variable of main()",
                    "rename the variable",
                )
            self._check_immediate_names(cell, defined_before)
            known = self.known | defined_before | self.main_locals | cell.names.immediate
            for name in sorted(cell.names.deferred - known):
                self._report_missing(cell, name, immediate=False)
            defined_before |= cell.defined_names

    def _check_immediate_names(self, cell: CodeCell, defined_before: set[str]) -> None:
        for name in sorted(cell.names.immediate - self.known - defined_before):
            if name not in cell.defined_names or name_usage.is_read_too_early(cell.tree, name):
                self._report_missing(cell, name, immediate=True)

    def _check_test_cells(self) -> None:
        test_cells = self.source.cells_with(Role.TEST)
        fixtures = _union(cell.defined_names for cell in test_cells if is_pytest_code(cell.tree))
        imported = _union(cell.imported_names for cell in test_cells)
        for cell in test_cells:
            known = self.known | self.module_names | cell.names.bound | fixtures | imported
            for name in sorted((cell.names.immediate | cell.names.deferred) - known):
                self._report_missing_in_test(cell, name)

    def _report_missing_in_test(self, cell: CodeCell, name: str) -> None:
        if name in name_usage.NOTEBOOK_NAMES:
            return
        rule = rules.TEST_STATE
        if name in self.parameters or name in self.main_locals:
            kind = "a parameter" if name in self.parameters else "a variable of main()"
            message = f"{name} is {kind}, which a test cannot use"
            fix = f"assign {name} in the test"
        elif cells := self.source.definitions(name, Role.TEST):
            message = f"{name} is defined in the test cell {cells[0].cell.id}; each test runs alone"
            fix = f"define {name} in this cell, or make it a pytest fixture"
        elif cells := self.source.definitions(name, Role.NONE):
            imported = name in cells[0].imported_names
            if imported and self._may_be_star_imported(cell):
                return
            rule = rules.IMPORT if imported else rules.TEST_STATE
            verb = "imported" if imported else "defined"
            message = f"{name} is {verb} only in the untagged cell {cells[0].cell.id}"
            fix = f"tag that cell export, or {'import' if imported else 'define'} {name} here"
        else:
            self._report_undefined(cell, name)
            return
        node = name_usage.first_read(cell.tree, name)
        self.source.report(rule, cell.cell, node, message, fix)

    def _report_missing(self, cell: CodeCell, name: str, *, immediate: bool) -> None:
        """Report a name that the module does not have, with the cell that defines it."""
        node = name_usage.first_read(cell.tree, name)
        if name in name_usage.NOTEBOOK_NAMES:
            if name != "display":  # has its own rule
                self.source.report(
                    rules.MAGIC,
                    cell.cell,
                    node,
                    f"{name} exists in notebooks only",
                    "move the line to an untagged cell",
                )
            return
        if cell.role is Role.EXPORT and (name in self.parameters or name in self.main_locals):
            kind = "a parameter" if name in self.parameters else "a variable of a main cell"
            self.source.report(
                rules.MAIN_LOCAL,
                cell.cell,
                node,
                f"{name} is {kind}, which only main() has",
                f"pass {name} to the function as an argument",
            )
            return
        same_role = Role.MAIN if cell.role is Role.MAIN else Role.EXPORT
        same_role_cells = self.source.definitions(name, same_role)
        if later := [each for each in same_role_cells if each is not cell]:
            if immediate:
                self._report_too_early(cell, name, later[0])
            return
        if cells := self.source.definitions(name, Role.NONE):
            self._report_not_exported(cell, name, cells[0], node)
        elif same_role_cells:
            self._report_too_early(cell, name)
        elif cells := self.source.definitions(name, Role.TEST):
            self.source.report(
                rules.NOT_EXPORTED,
                cell.cell,
                node,
                f"{name} is defined only in the test cell {cells[0].cell.id}",
                "move the definition to a cell tagged export",
            )
        else:
            self._report_undefined(cell, name)

    def _report_not_exported(
        self, cell: CodeCell, name: str, definition: CodeCell, node: ast.AST | None
    ) -> None:
        if name in definition.imported_names:
            if self._may_be_star_imported(cell):
                return
            rule, verb, tag = rules.IMPORT, "imported", "export"
        elif cell.role is Role.MAIN:
            rule, verb, tag = rules.HIDDEN_STATE, "defined", "main"
        else:
            rule, verb, tag = rules.NOT_EXPORTED, "defined", "export"
        self.source.report(
            rule,
            cell.cell,
            node,
            f"{name} is {verb} only in the untagged cell {definition.cell.id}",
            f"tag that cell {tag}, or move the line to an exported cell",
        )

    def _may_be_star_imported(self, cell: CodeCell) -> bool:
        """Whether a star import in exported code, or in the cell itself, may bind a name."""
        return self.exported_star_import or _star_import(cell) is not None

    def _report_undefined(self, cell: CodeCell, name: str) -> None:
        if self._may_be_star_imported(cell):
            return
        for other in self.source.cells_with(Role.NONE):
            if star := _star_import(other):
                self.source.report(
                    rules.IMPORT,
                    cell.cell,
                    name_usage.first_read(cell.tree, name),
                    f"only `{ast.unparse(star)}` in the untagged cell {other.cell.id} can define "
                    f"{name}",
                    f"import {name} in an exported cell",
                )
                return
        self.source.report(
            rules.UNDEFINED,
            cell.cell,
            name_usage.first_read(cell.tree, name),
            f"no cell defines {name}",
            "define or import it; restart the kernel and run all cells to see the error",
        )

    def _report_too_early(
        self, cell: CodeCell, name: str, definition: CodeCell | None = None
    ) -> None:
        if definition is not None:
            message = f"{name} is used here and defined in cell {definition.cell.id} below"
            fix = f"move the definition of {name} above this cell"
        else:
            message = f"{name} is used here before this cell assigns it"
            fix = f"assign {name} before this line"
        self.source.report(
            rules.TOO_EARLY, cell.cell, name_usage.first_read(cell.tree, name), message, fix
        )

    def _check_assignments(self) -> None:
        """Report reassigned parameters, duplicate definitions and reserved names."""
        definitions: dict[str, CodeCell] = {}
        for cell in self.source.cells:
            if cell.role in (Role.EXPORT, Role.MAIN, Role.NONE):
                for name in sorted(cell.names.bound & self.parameters):
                    self._report_assignment(
                        rules.REASSIGNED,
                        cell,
                        name,
                        f"the parameter {name} is assigned a new value",
                        "use another name, so that the value of the parameter remains visible",
                    )
            if cell.role is not Role.EXPORT:
                continue
            for name in sorted(cell.defined_names):
                if name in RESERVED_NAMES and self.source.runnable:
                    self._report_assignment(
                        rules.RESERVED,
                        cell,
                        name,
                        f"{name} is generated by the export",
                        f"rename {name}",
                    )
                if name in definitions:
                    self._report_assignment(
                        rules.DUPLICATE,
                        cell,
                        name,
                        f"{name} is defined in cell {definitions[name].cell.id} too; "
                        "this definition replaces it",
                        "remove or rename one of them",
                    )
                definitions[name] = cell

    def _check_unused_imports(self) -> None:
        for cell, each, node in self.unused_imports():
            self.source.report(
                rules.UNUSED_IMPORT,
                cell.cell,
                node,
                f"no cell uses {each.bound}",
                "remove the import, or add `# noqa: F401` if it has a side effect",
            )

    def unused_imports(self) -> Iterator[tuple[CodeCell, imports.Import, ast.stmt]]:
        """Imports that the module has and no cell uses; a word in a string counts as use."""
        cells = self.source.cells
        read = _union(cell.names.immediate | cell.names.deferred for cell in cells)
        for cell in (*self.export_cells, *self.main_cells):
            for each, node in imports.imports_with_nodes(cell):
                if each.bound in read | self.possible or imports.has_effect(each):
                    continue
                string = re.compile(rf"""["'][^"'\n]*\b{each.bound}\b""")
                if each.alias != each.name and not any(string.search(c.code) for c in cells):
                    yield cell, each, node

    def _report_assignment(
        self, rule: rules.Rule, cell: CodeCell, name: str, message: str, fix: str
    ) -> None:
        node = name_usage.first_node(cell.tree, name, ast.Store)
        self.source.report(rule, cell.cell, node, message, fix)


def _star_import(cell: CodeCell) -> ast.ImportFrom | None:
    """The first top-level star import of a cell."""
    for node in cell.imports:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return node
    return None


def is_pytest_code(tree: ast.Module) -> bool:
    """Whether a test cell only contains pytest tests, fixtures and calls of these tests."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    has_tests = False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_tests |= node.name.startswith("test_") or any(
                "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
            )
        elif isinstance(node, ast.ClassDef):
            has_tests |= node.name.startswith("Test")
        elif not isinstance(node, (*kinds, ast.Assign, ast.AnnAssign)) and not is_test_call(node):
            return False
    return has_tests


def is_test_call(node: ast.stmt) -> bool:
    """Whether a statement is a call ``test_something(...)``, which runs the test in a notebook."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id.startswith("test_")
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)
