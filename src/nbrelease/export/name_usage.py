"""The names that code binds and reads, from the compiler's symbol table.

``symtable`` determines scopes as Python does and is written in C: it is several times faster than a
visitor in Python.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Python 3.14 adds names for annotations to the symbol table.
_ANNOTATION_NAMES = frozenset({"__annotate__", "__annotations__", "__conditional_annotations__"})
BUILTINS = (
    frozenset(dir(builtins))
    | {"__file__", "__name__", "__doc__", "__builtins__"}
    | _ANNOTATION_NAMES
)
NOTEBOOK_NAMES = frozenset({"display", "get_ipython", "In", "Out", "_", "__", "___"})
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class NameUsage:
    """The global names of a piece of code.

    Attributes:
        bound: bound at the top level, or with ``global`` in a function.
        immediate: read while the code runs.
        deferred: read by its functions when they are called.
    """

    bound: frozenset[str]
    immediate: frozenset[str]
    deferred: frozenset[str]


EMPTY = NameUsage(frozenset(), frozenset(), frozenset())


def analyze(code: str, *, postponed: bool = False) -> NameUsage:
    """Find the names that code binds and reads.

    Args:
        code: the code.
        postponed: whether the notebook has ``from __future__ import annotations``, which applies to
            all its cells: names in annotations are then read later, if ever.

    Raises:
        SyntaxError: the compiler cannot determine the scopes.
    """
    table = _symbol_table(code)
    bound: set[str] = set()
    immediate: set[str] = set()
    deferred: set[str] = set()
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            bound.add(symbol.get_name())
        if symbol.is_referenced():
            immediate.add(symbol.get_name())
    # Otherwise a function reads all its global names.
    may_assign = "global" in code or ":=" in code
    for child in table.get_children():
        _add_scope(child, False, may_assign, bound, immediate, deferred)
    if postponed:
        without_annotations = analyze(f"from __future__ import annotations\n{code}").immediate
        deferred |= immediate - without_annotations
        immediate &= without_annotations
    return NameUsage(frozenset(bound), frozenset(immediate), frozenset(deferred))


def _symbol_table(code: str) -> symtable.SymbolTable:
    """The symbol table of the code of a cell, the same on every version of Python.

    Python 3.12 and later inline comprehensions, whose variables then seem to be global. Python 3.13
    and later reject top-level ``await``, which a notebook allows. Both are rewritten to code with
    the same names.
    """
    if sys.version_info >= (3, 12) and " for " in code:
        code = ast.unparse(_Rewriter().visit(ast.parse(code)))
    try:
        return symtable.symtable(code, "<cell>", "exec")
    except SyntaxError:
        if "await" not in code and "async" not in code:
            raise
    code = ast.unparse(_Rewriter().visit(ast.parse(code)))
    return symtable.symtable(code, "<cell>", "exec")


class _Rewriter(ast.NodeTransformer):
    """Outside functions: removes ``await`` and ``async``, makes comprehensions generators."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        value: ast.AST = self.visit(node.value)
        return value

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.For(**dict(ast.iter_fields(node))), node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.With(**dict(ast.iter_fields(node))), node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.is_async = 0
        return node

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _add_scope(
    table: symtable.SymbolTable,
    is_deferred: bool,
    may_assign: bool,
    bound: set[str],
    immediate: set[str],
    deferred: set[str],
) -> None:
    """Add the global names of a nested scope.

    Python 3.14 evaluates annotations on demand, in scopes of their own. Their names count as
    immediate, as in earlier versions: diagnostics do not depend on the Python of the export.
    """
    kind = table.get_type()
    if kind == "type alias" or (kind == "function" and table.get_name() not in _COMPREHENSIONS):
        is_deferred = True
    names: Iterable[str] = ()
    if not isinstance(table, symtable.Function):
        names = table.get_identifiers()
    elif may_assign:
        names = table.get_globals()
    else:  # much faster than a look at each symbol
        (deferred if is_deferred else immediate).update(table.get_globals())
    for name in names:
        symbol = table.lookup(name)
        if not symbol.is_global():
            continue
        if symbol.is_assigned():
            bound.add(name)
        if symbol.is_referenced():
            (deferred if is_deferred else immediate).add(name)
    for child in table.get_children():
        _add_scope(child, is_deferred, may_assign, bound, immediate, deferred)


def first_read(tree: ast.AST, name: str) -> ast.AST | None:
    """The first node that reads a name; ``total += 1`` reads ``total`` too."""
    return first_node(tree, name) or first_node(tree, name, ast.Store)


def augmented_names(tree: ast.Module) -> frozenset[str]:
    """The global names that augmented assignments read, which the symbol table does not tell."""
    return frozenset(
        node.target.id
        for node in nodes_outside_functions(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    )


def nodes_outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below a node, without the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from nodes_outside_functions(child)


def first_node(
    tree: ast.AST, name: str, context: type[ast.expr_context] = ast.Load
) -> ast.AST | None:
    """The first node, by line and column, that reads a name, or binds it for ``ast.Store``."""
    nodes: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, context)
    ]
    if context is ast.Store:
        nodes += [
            node
            for node in ast.walk(tree)
            if isinstance(node, _Function | ast.ClassDef) and node.name == name
        ]
    return min(nodes, key=_position, default=None)


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def is_read_too_early(tree: ast.Module, name: str) -> bool:
    """Whether code certainly reads ``name`` before the same code binds it.

    The order within one compound statement is not examined.
    """
    for statement in tree.body:
        reads = any(node.id == name for node in _immediate_reads(statement))
        if isinstance(statement, ast.AugAssign) and _is_name(statement.target, name):
            return True
        if isinstance(statement, ast.Assign | ast.AnnAssign) and reads:
            return True
        if first_node(statement, name, ast.Store) or _imports_name(statement, name):
            return False
        if reads:
            return True
    return False


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _imports_name(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Import | ast.ImportFrom)
        and any(bound_by(alias) == name for alias in node.names)
        for node in ast.walk(statement)
    )


def bound_by(alias: ast.alias) -> str:
    """The name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def _immediate_reads(node: ast.AST) -> Iterator[ast.Name]:
    """The names that are read while the code runs; function bodies are skipped."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node
        return
    if isinstance(node, ast.Lambda):
        yield from _immediate_reads(node.args)
        return
    if isinstance(node, _Function):
        for part in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            yield from _immediate_reads(part)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        own = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        for child in ast.iter_child_nodes(node):
            yield from (name for name in _immediate_reads(child) if name.id not in own)
        return
    for child in ast.iter_child_nodes(node):
        yield from _immediate_reads(child)
