"""Checks of code that shows something in a notebook and has no effect, or fails, in a module."""

from __future__ import annotations

import ast

from nbrelease.export import diagnostic as rules
from nbrelease.export import name_usage
from nbrelease.export.source import CodeCell, Role, Source

DISPLAY_METHODS = frozenset({"head", "tail", "sample", "describe", "info", "value_counts"})


def check(source: Source) -> None:
    """Report code for a user of the notebook, top-level ``await`` and star imports."""
    for cell in source.cells_with(Role.EXPORT, Role.MAIN, Role.TEST):
        if "await" in cell.code or "async" in cell.code:
            _check_await(source, cell)
        _check_input(source, cell)
        if cell.role is not Role.TEST:
            _check_display(source, cell)
            _check_last_line(source, cell)
        _check_star_imports(source, cell)


def _check_display(source: Source, cell: CodeCell) -> None:
    if "display" not in cell.names.immediate | cell.names.deferred:
        return
    if source.definitions("display", Role.EXPORT, Role.MAIN):
        return
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Name) and node.id == "display":
            source.report(
                rules.DISPLAY,
                cell.cell,
                node,
                "display() exists in notebooks only",
                "move the line to an untagged cell",
            )


def _check_input(source: Source, cell: CodeCell) -> None:
    """Report calls that wait for a user. A job has no standard input, and neither has pytest."""
    if "input" not in cell.code and "getpass" not in cell.code:
        return
    exported = (Role.EXPORT, Role.MAIN, Role.PARAMETERS)
    names = {"getpass.getpass"} | _names_of_getpass(source)
    if not source.definitions("input", *exported) and "input" not in cell.names.bound:
        names.add("input")
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            secret = ast.unparse(node.func) != "input"
            source.report(
                rules.INPUT,
                cell.cell,
                node,
                f"{ast.unparse(node.func)}() waits for a user, and a job has none",
                "read the secret from the environment or from Key Vault"
                if secret
                else "make the value a parameter",
            )


def _names_of_getpass(source: Source) -> set[str]:
    """The names that cells give to ``getpass.getpass``."""
    return {
        alias.asname or alias.name
        for cell in source.cells
        for node in cell.imports
        if isinstance(node, ast.ImportFrom) and node.module == "getpass"
        for alias in node.names
        if alias.name == "getpass"
    }


def _check_last_line(source: Source, cell: CodeCell) -> None:
    if not cell.tree.body:
        return
    last = cell.tree.body[-1]
    if not isinstance(last, ast.Expr) or _is_docstring(last, len(cell.tree.body)):
        return
    value = last.value
    is_value = isinstance(
        value, ast.Name | ast.Attribute | ast.Subscript | ast.Compare | ast.BinOp | ast.Constant
    )
    is_display_method = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in DISPLAY_METHODS
    )
    if is_value or is_display_method:
        source.report(
            rules.NO_EFFECT,
            cell.cell,
            last,
            f"`{ast.unparse(last)[:60]}` shows a value in the notebook and has no effect in a "
            "module",
            "move the line to an untagged cell",
        )


def _is_docstring(node: ast.Expr, statements: int) -> bool:
    """Whether an expression is the docstring of the definition above it, or ``...``."""
    return isinstance(node.value, ast.Constant) and (
        node.value.value is ... or (statements > 1 and isinstance(node.value.value, str))
    )


def _check_await(source: Source, cell: CodeCell) -> None:
    for node in name_usage.nodes_outside_functions(cell.tree):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            source.report(
                rules.AWAIT,
                cell.cell,
                node,
                "top-level await works in notebooks only",
                "move it to an async function and call asyncio.run()",
            )
            return


def _check_star_imports(source: Source, cell: CodeCell) -> None:
    for node in cell.imports:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            source.report(
                rules.STAR,
                cell.cell,
                node,
                f"`from {node.module} import *` disables the check for undefined names",
                "import the names that the notebook uses",
            )
