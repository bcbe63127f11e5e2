"""Check for literals that look like secrets.

All code cells are checked, also untagged ones: a notebook is committed as a whole.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Source
from nbrelease.secrets import NAMED_SECRET, find, is_named_secret, may_contain_secret


def check(source: Source) -> None:
    """Report literals that look like secrets."""
    # One search of all cells is much faster than one search each.
    if not may_contain_secret(cell.code for cell in source.cells):
        return
    for cell in source.cells:
        if not find(cell.code):  # much faster than walking the syntax tree
            continue
        for node, kind in _secret_literals(cell):
            source.report(
                rules.SECRET,
                cell.cell,
                node,
                f"this looks like {kind}",
                "read it from the environment or from Key Vault, and replace the secret",
            )


def _secret_literals(cell: CodeCell) -> Iterator[tuple[ast.AST, str]]:
    """Each literal that looks like a secret, with the kind of secret."""
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            kinds = [each.kind for each in find(_text(node.value))]
            if kinds:
                yield node, next((kind for kind in kinds if kind != NAMED_SECRET), kinds[0])
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_secret(_name(target), node.value) for target in targets):
                yield node, f"{NAMED_SECRET}: {_name(targets[0])}"
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name = str(key.value) if isinstance(key, ast.Constant) else ""
                if _is_secret(name, value):
                    yield value, f"{NAMED_SECRET}: {name}"
        elif isinstance(node, ast.keyword) and _is_secret(node.arg or "", node.value):
            yield node.value, f"{NAMED_SECRET}: {node.arg}"


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def _is_secret(name: str, node: ast.expr | None) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes)
        and is_named_secret(name, _text(node.value))
        and not find(_text(node.value))  # the literal itself is reported
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
