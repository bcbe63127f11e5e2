"""Imports gathered from cells and written the way that ruff's isort rules sort them.

An import that only exploration or test cells use is left out of the module; one that nothing in the
notebook uses stays, because it is there for its side effect.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nbrelease.export.names import bound_by
from nbrelease.export.source import CodeCell

PRAGMA = re.compile(r"#\s*(?:noqa|type:|pyright:|pragma:|pylint:|isort:).*$")


@dataclass(frozen=True)
class Import:
    """One name that is imported.

    Attributes:
        module: where from, with leading dots; empty for ``import name``.
        name: what is imported.
        alias: what it is called here; empty for its own name.
        pragma: a comment for a tool, behind the statement.
    """

    module: str
    name: str
    alias: str = ""
    pragma: str = ""

    @property
    def bound(self) -> str:
        """The name that it gives a value to."""
        return self.alias or (self.name if self.module else self.name.partition(".")[0])

    @property
    def text(self) -> str:
        """``name as alias``."""
        return f"{self.name} as {self.alias}" if self.alias else self.name


def of(cell: CodeCell) -> list[Import]:
    """The imports at the top level of a cell."""
    lines = cell.code.split("\n")
    found = []
    for node in cell.imports:
        match = PRAGMA.search(lines[(node.end_lineno or node.lineno) - 1])
        pragma = match[0] if match else ""
        module = ""
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
        found += [Import(module, each.name, each.asname or "", pragma) for each in node.names]
    return found


def needed(
    found: Iterable[Import], used: Collection[str], elsewhere: Collection[str]
) -> list[Import]:
    """The imports that belong into a file.

    Args:
        found: the notebook's.
        used: the names that the file's code reads.
        elsewhere: the names that the rest of the notebook reads.
    """
    return [
        each
        for each in found
        if each.module == "__future__"
        or each.name == "*"
        or each.pragma
        or each.bound in used
        or each.bound not in elsewhere
    ]


def render(found: Iterable[Import], width: int, own: Collection[str] = ()) -> str:
    """The statements: standard library, others, and modules of the project, each part sorted.

    Args:
        found: what to import.
        width: the longest line.
        own: modules of the project; which part tools take them for depends on their settings, so
            that they stand behind a comment that keeps them apart.
    """
    parts: dict[int, list[Import]] = {}
    for each in sorted(set(found), key=lambda item: (item.module, item.name, item.alias)):
        parts.setdefault(_part(each, own), []).append(each)
    texts = []
    for part, items in sorted(parts.items()):
        text = "\n".join([*_plain(items), *_from(items, width)])
        texts.append(f"# isort: split\n{text}" if part == 4 else text)
    return "\n\n".join(texts)


def _part(item: Import, own: Collection[str]) -> int:
    first = (item.module or item.name).partition(".")[0]
    if item.module == "__future__":
        return 0
    if not first:
        return 3
    if first in own:
        return 4
    return 1 if first in sys.stdlib_module_names else 2


def _plain(items: list[Import]) -> list[str]:
    plain = [item for item in items if not item.module]
    plain.sort(key=lambda item: (natural(item.name), natural(item.alias)))
    return [f"import {item.text}{_behind(item.pragma)}" for item in plain]


def _from(items: list[Import], width: int) -> list[str]:
    """``from`` statements: names of a module together, renamed and commented ones by themselves."""
    statements: dict[tuple[str, str, str], list[Import]] = {}
    for item in items:
        if item.module:
            alone = item.text if item.alias or item.name == "*" else ""
            statements.setdefault((item.module, alone, item.pragma), []).append(item)
    for names in statements.values():
        names.sort(key=_by_name)
    ordered = sorted(
        statements.items(), key=lambda each: (natural(each[0][0]), _by_name(each[1][0]))
    )
    return [_statement(module, names, pragma, width) for (module, _, pragma), names in ordered]


def _by_name(item: Import) -> tuple[int, list[tuple[int, int, str]]]:
    return kind(item.name), natural(item.name)


def _statement(module: str, names: list[Import], pragma: str, width: int) -> str:
    line = f"from {module} import {', '.join(item.text for item in names)}"
    if len(line) <= width:
        return line + _behind(pragma)
    inside = "".join(f"    {item.text},\n" for item in names)
    return f"from {module} import ({_behind(pragma)}\n{inside})"


def _behind(pragma: str) -> str:
    return f"  {pragma}" if pragma else ""


def kind(name: str) -> int:
    """Constants, then classes, then functions: isort's order by type."""
    if len(name) > 1 and name.isupper():
        return 0
    return 1 if name[:1].isupper() else 2


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts ``x2`` before ``x10``, and does not look at case first."""
    parts = re.findall(r"\d+|\D+", text.lower())
    key = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
    return [*key, (2, 0, text)]


def names_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The names that a statement binds."""
    return [bound_by(alias) for alias in node.names]
