"""The names that a piece of code binds and reads, from the compiler's own symbol table.

``symtable`` is what Python itself decides scopes with, and runs in C: a notebook's cells are
analysed in a fraction of the time that a visitor in Python takes.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__builtins__"}
NOTEBOOK_ONLY = frozenset({"display", "get_ipython", "In", "Out", "_", "__", "___"})
_AT_ONCE = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Names:
    """What one cell does with the notebook's names.

    Attributes:
        bound: given a value at the cell's top level (or by ``global`` in a function).
        now: read while the cell runs.
        later: read by its functions, when they are called.
    """

    bound: frozenset[str]
    now: frozenset[str]
    later: frozenset[str]


EMPTY = Names(frozenset(), frozenset(), frozenset())


def of(code: str, *, postponed: bool = False) -> Names:
    """The names of a piece of code.

    Args:
        code: the code.
        postponed: whether the notebook has ``from __future__ import annotations`` (which counts in
            all its cells): names in annotations are then read later, if ever.

    Raises:
        SyntaxError: it does not compile as far as scopes go.
    """
    table = symtable.symtable(code, "<cell>", "exec")
    bound: set[str] = set()
    now: set[str] = set()
    later: set[str] = set()
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            now.add(symbol.get_name())
    for child in table.get_children():
        _descend(child, False, bound, now, later)
    if postponed:
        at_once = of(f"from __future__ import annotations\n{code}").now
        later |= now - at_once
        now &= at_once
    return Names(frozenset(bound), frozenset(now), frozenset(later))


def _descend(
    table: symtable.SymbolTable, deferred: bool, bound: set[str], now: set[str], later: set[str]
) -> None:
    if table.get_type() == "function" and table.get_name() not in _AT_ONCE:
        deferred = True
    for symbol in table.get_symbols():
        if not symbol.is_global():
            continue
        if symbol.is_assigned():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            (later if deferred else now).add(symbol.get_name())
    for child in table.get_children():
        _descend(child, deferred, bound, now, later)


def first(tree: ast.AST, name: str, context: type[ast.expr_context] = ast.Load) -> ast.AST | None:
    """The first place where a name is read (or bound), by line and column."""
    places: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, context)
    ]
    if context is ast.Store:
        places += [
            node
            for node in ast.walk(tree)
            if isinstance(node, _Function | ast.ClassDef) and node.name == name
        ]
    return min(places, key=_position, default=None)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def read_too_early(tree: ast.Module, name: str) -> bool:
    """Whether straight-line code reads ``name`` before the cell itself binds it.

    Only what is certain counts: within one compound statement the order is not looked into.
    """
    for statement in tree.body:
        reads = any(node.id == name for node in _immediate(statement))
        if isinstance(statement, ast.AugAssign) and _is(statement.target, name):
            return True
        if isinstance(statement, ast.Assign | ast.AnnAssign) and reads:
            return True
        if first(statement, name, ast.Store) or _imports(statement, name):
            return False
        if reads:
            return True
    return False


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _imports(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Import | ast.ImportFrom)
        and any(bound_by(alias) == name for alias in node.names)
        for node in ast.walk(statement)
    )


def bound_by(alias: ast.alias) -> str:
    """The name that one name of an import statement binds."""
    return alias.asname or alias.name.partition(".")[0]


def _immediate(node: ast.AST) -> Iterator[ast.Name]:
    """The names that are read while the code runs: function bodies left out."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node
        return
    if isinstance(node, ast.Lambda):
        yield from _immediate(node.args)
        return
    if isinstance(node, _Function):
        for part in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            yield from _immediate(part)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        own = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        for child in ast.iter_child_nodes(node):
            yield from (name for name in _immediate(child) if name.id not in own)
        return
    for child in ast.iter_child_nodes(node):
        yield from _immediate(child)
