"""Code that shows something in a notebook and does nothing, or fails, in a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Role, Source

SHOWING_METHODS = frozenset({"head", "tail", "sample", "describe", "info", "value_counts"})
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def check(source: Source) -> None:
    """Report ``display``, bare last lines and top-level ``await``."""
    for cell in source.of(Role.EXPORT, Role.MAIN, Role.TEST):
        if "await" in cell.code or "async" in cell.code:
            _await(source, cell)
        if cell.role is not Role.TEST:
            _shown(source, cell)
        if cell.role is not Role.PARAMETERS:
            _stars(source, cell)


def _shown(source: Source, cell: CodeCell) -> None:
    reads = "display" in cell.names.now or "display" in cell.names.later
    if reads and not any(
        "display" in each.names.bound for each in source.of(Role.EXPORT, Role.MAIN)
    ):
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Name) and node.id == "display":
                source.report(
                    rules.DISPLAY,
                    cell.cell,
                    node,
                    "display is there in notebooks only",
                    "move the line to a cell without the tag",
                )
    if not cell.tree.body:
        return
    last = cell.tree.body[-1]
    if not isinstance(last, ast.Expr) or _is_text(last, len(cell.tree.body)):
        return
    value = last.value
    bare = isinstance(
        value, ast.Name | ast.Attribute | ast.Subscript | ast.Compare | ast.BinOp | ast.Constant
    )
    shows = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in SHOWING_METHODS
    )
    if bare or shows:
        source.report(
            rules.SHOWN,
            cell.cell,
            last,
            f"«{ast.unparse(last)[:60]}» shows something in the notebook, and does nothing here",
            "move the line to a cell without the tag",
        )


def _is_text(node: ast.Expr, statements: int) -> bool:
    """A docstring under a definition's place, or ``...``."""
    return isinstance(node.value, ast.Constant) and (
        node.value.value is ... or (statements > 1 and isinstance(node.value.value, str))
    )


def _await(source: Source, cell: CodeCell) -> None:
    for node in _outside_functions(cell.tree):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            source.report(
                rules.AWAIT,
                cell.cell,
                node,
                "await works at the top level of a notebook only",
                "put it into an async function and call asyncio.run(…)",
            )
            return


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _Scope):
            yield child
            yield from _outside_functions(child)


def _stars(source: Source, cell: CodeCell) -> None:
    for node in cell.imports:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            source.report(
                rules.STAR,
                cell.cell,
                node,
                f"from {node.module} import * hides which names are used",
                "import the names; those that are missing are not looked for until then",
            )
