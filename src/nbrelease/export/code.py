"""The code of cells: checked to be plain Python, imports apart from the rest."""

from __future__ import annotations

import ast
import io
import sys
import textwrap
import tokenize
from collections.abc import Iterable

from nbrelease.errors import NotebookError
from nbrelease.notebook import Cell


def parse(cell: Cell, where: str) -> ast.Module:
    """The cell's syntax tree.

    Raises:
        NotebookError: it is no plain Python: a magic, a shell line, or a mistake.
    """
    try:
        return ast.parse(cell.code)
    except SyntaxError as error:
        line = (error.text or "").strip()
        what = "a magic or shell line" if line[:1] in ("%", "!") else error.msg
        raise NotebookError(
            f"{where}:{cell.id}:{error.lineno}: {what} in a cell that is exported: «{line}»; "
            "move it to a cell without the tag"
        ) from None


def imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The imports at the top level."""
    return [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


def without_imports(source: str, tree: ast.Module) -> str:
    """The source less its top-level imports, and less the blank lines that they leave."""
    gone = {
        number
        for node in imports(tree)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = source.splitlines()
    kept = [line for number, line in enumerate(lines, start=1) if number not in gone]
    return "\n".join(kept).strip("\n")


def import_block(nodes: Iterable[ast.Import | ast.ImportFrom]) -> str:
    """Imports gathered: standard library, others, own; each sorted, names of a module together."""
    plain: set[tuple[str, str | None]] = set()
    names: dict[str, set[tuple[str, str | None]]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            plain |= {(alias.name, alias.asname) for alias in node.names}
        else:
            module = "." * node.level + (node.module or "")
            found = {(alias.name, alias.asname) for alias in node.names}
            names.setdefault(module, set()).update(found)
    sections: dict[int, list[str]] = {0: [], 1: [], 2: [], 3: []}
    for name, alias in sorted(plain, key=lambda pair: (pair[0].lower(), pair[1] or "")):
        sections[_section(name)].append(f"import {name}" + (f" as {alias}" if alias else ""))
    for module in sorted(names, key=str.lower):
        found = sorted(names[module], key=lambda pair: (_rank(pair[0]), pair[0], pair[1] or ""))
        texts = [name + (f" as {alias}" if alias else "") for name, alias in found]
        sections[_section(module)].append(_from(module, texts))
    return "\n\n".join("\n".join(lines) for _, lines in sorted(sections.items()) if lines)


def _section(module: str) -> int:
    first = module.partition(".")[0]
    if module == "__future__":
        return 0
    if not first:
        return 3
    return 1 if first in sys.stdlib_module_names else 2


def _rank(name: str) -> int:
    """Constants, then classes, then functions: the order of isort and ruff."""
    return 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2


def _from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 100:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def indented(source: str) -> str:
    """The source four spaces in; the inside of a text over several lines stays as it is."""
    inside = set()
    for token in tokenize.generate_tokens(io.StringIO(source + "\n").readline):
        multiline = token.type == tokenize.STRING or token.type == _FSTRING_MIDDLE
        if multiline and token.end[0] > token.start[0]:
            inside |= set(range(token.start[0] + 1, token.end[0] + 1))
    lines = source.splitlines()
    return "\n".join(
        line if number in inside else textwrap.indent(line, "    ")
        for number, line in enumerate(lines, start=1)
    )


_FSTRING_MIDDLE = getattr(tokenize, "FSTRING_MIDDLE", -1)  # Python 3.12 and later
