"""Collect the imports of cells and format them sorted as ruff's isort rules do.

An import that only untagged or test cells use is omitted from the module. An import that no cell
uses is kept, because it may have a side effect.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nbrelease.export.source import CodeCell

PRAGMA = re.compile(r"#\s*(?:noqa|type:|pyright:|pragma:|pylint:|isort:).*$")


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        module: the module, with leading dots; empty for ``import name``.
        name: the imported name.
        alias: the name after ``as``; may be empty.
        pragma: a trailing comment for a tool; may be empty.
    """

    module: str
    name: str
    alias: str = ""
    pragma: str = ""

    @property
    def bound(self) -> str:
        """The name that it binds."""
        return self.alias or (self.name if self.module else self.name.partition(".")[0])

    @property
    def text(self) -> str:
        """``name as alias``."""
        return f"{self.name} as {self.alias}" if self.alias else self.name


def imports_of(cell: CodeCell) -> list[Import]:
    """The top-level imports of a cell."""
    lines = cell.code.split("\n")
    result = []
    for node in cell.imports:
        match = PRAGMA.search(lines[(node.end_lineno or node.lineno) - 1])
        pragma = match[0] if match else ""
        module = ""
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
        result += [Import(module, each.name, each.asname or "", pragma) for each in node.names]
    return result


def select_required(
    imports: Iterable[Import], used: Collection[str], used_elsewhere: Collection[str]
) -> list[Import]:
    """Select the imports for a file.

    Args:
        imports: the imports of the notebook.
        used: the names that the code of the file reads.
        used_elsewhere: the names that other cells of the notebook read.
    """
    return [
        each
        for each in imports
        if each.module == "__future__"
        or each.name == "*"
        or each.pragma
        or each.bound in used
        or each.bound not in used_elsewhere
    ]


def render(imports: Iterable[Import], width: int, first_party: Collection[str] = ()) -> str:
    """The import statements: future, standard library, third party, relative, first party.

    Args:
        imports: the imports.
        width: maximum line length.
        first_party: modules of the project. Whether tools sort them as first or third party depends
            on their settings, so a comment separates them.
    """
    sections: dict[int, list[Import]] = {}
    for each in sorted(set(imports), key=lambda item: (item.module, item.name, item.alias)):
        sections.setdefault(_section(each, first_party), []).append(each)
    texts = []
    for section, items in sorted(sections.items()):
        text = "\n".join([*_import_statements(items), *_from_statements(items, width)])
        texts.append(f"# isort: split\n{text}" if section == _FIRST_PARTY else text)
    return "\n\n".join(texts)


_FUTURE, _STANDARD_LIBRARY, _THIRD_PARTY, _RELATIVE, _FIRST_PARTY = range(5)


def _section(item: Import, first_party: Collection[str]) -> int:
    package = (item.module or item.name).partition(".")[0]
    if item.module == "__future__":
        return _FUTURE
    if not package:
        return _RELATIVE
    if package in first_party:
        return _FIRST_PARTY
    return _STANDARD_LIBRARY if package in sys.stdlib_module_names else _THIRD_PARTY


def _import_statements(items: list[Import]) -> list[str]:
    plain = [item for item in items if not item.module]
    plain.sort(key=lambda item: (natural_key(item.name), natural_key(item.alias)))
    return [f"import {item.text}{_trailing(item.pragma)}" for item in plain]


def _from_statements(items: list[Import], width: int) -> list[str]:
    """One statement per module; names with an alias or a comment have their own."""
    statements: dict[tuple[str, str, str], list[Import]] = {}
    for item in items:
        if item.module:
            alone = item.text if item.alias or item.name == "*" else ""
            statements.setdefault((item.module, alone, item.pragma), []).append(item)
    for names in statements.values():
        names.sort(key=_name_key)
    ordered = sorted(
        statements.items(), key=lambda each: (natural_key(each[0][0]), _name_key(each[1][0]))
    )
    return [_from_statement(module, names, pragma, width) for (module, _, pragma), names in ordered]


def _name_key(item: Import) -> tuple[int, list[tuple[int, int, str]]]:
    return type_order(item.name), natural_key(item.name)


def _from_statement(module: str, names: list[Import], pragma: str, width: int) -> str:
    line = f"from {module} import {', '.join(item.text for item in names)}"
    if len(line) <= width:
        return line + _trailing(pragma)
    items = "".join(f"    {item.text},\n" for item in names)
    return f"from {module} import ({_trailing(pragma)}\n{items})"


def _trailing(pragma: str) -> str:
    return f"  {pragma}" if pragma else ""


def type_order(name: str) -> int:
    """Isort's order by type: constants, classes, functions."""
    if len(name) > 1 and name.isupper():
        return 0
    return 1 if name[:1].isupper() else 2


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """A sort key: ``x2`` before ``x10``, and case decides last."""
    parts = re.findall(r"\d+|\D+", text.lower())
    key = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
    return [*key, (2, 0, text)]
