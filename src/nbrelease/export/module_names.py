"""The names that a module certainly has after its code has run, for ``__all__``.

``from module import *`` fails if ``__all__`` has a name that the module does not have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def defined_names(statements: Iterable[ast.stmt], before: frozenset[str] = frozenset()) -> set[str]:
    """The names that are certainly defined after statements have run.

    Imports, loop variables and the targets of ``with`` and ``except`` are not definitions. Of
    branches only names count that all of them define. A name that may have been deleted is not
    certainly defined.

    Args:
        statements: the statements.
        before: the names that are defined before.
    """
    names = set(before)
    for node in statements:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign():
                names |= {name for target in node.targets for name in _stored_names(target)}
            case ast.AnnAssign() if node.value is not None:
                names |= set(_stored_names(node.target))
            case ast.Delete():
                names -= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.If():
                names = _after_branches([node.body, node.orelse], names)
            case ast.For() | ast.AsyncFor() | ast.While():
                names = _after_branches([node.body, []], names)
                names = defined_names(node.orelse, frozenset(names))
            case ast.With() | ast.AsyncWith():
                names = defined_names(node.body, frozenset(names))
            case ast.Try() | ast.TryStar():
                branches = [[*node.body, *node.orelse], *(each.body for each in node.handlers)]
                names = _after_branches(branches, names)
                names = defined_names(node.finalbody, frozenset(names))
            case ast.Match():
                names = _after_branches([[], *(case.body for case in node.cases)], names)
    return names


def _after_branches(branches: list[list[ast.stmt]], before: set[str]) -> set[str]:
    """The names after one of several branches; one that raises does not continue."""
    results = [
        defined_names(body, frozenset(before))
        for body in branches
        if not (body and isinstance(body[-1], ast.Raise))
    ]
    return set.intersection(*results) if results else set(before)


def _stored_names(target: ast.expr) -> list[str]:
    return [
        each.id
        for each in ast.walk(target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def function_names(statements: Iterable[ast.stmt]) -> list[str]:
    """The functions of a module, also those in compound statements, in order."""
    names: list[str] = []
    for node in statements:
        if isinstance(node, _Function):
            names.append(node.name)
        elif not isinstance(node, ast.ClassDef):
            for part in ("body", "handlers", "orelse", "finalbody", "cases"):
                names += function_names(getattr(node, part, []))
    return names
