"""From a notebook's cells to what the export works with.

This is where what a notebook may contain meets what a module may contain: magics are told from
Python, settings of the notebook's own display are left out, and everything else that is no Python
is a finding.
"""

from __future__ import annotations

import ast
import re

from nbrelease.errors import NotebookError
from nbrelease.export import diagnostic as rules
from nbrelease.export import names, tags
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.notebook import Cell, Notebook

MAGIC = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?(?P<mark>%%|%|!!|!|\?)\s*(?P<word>[\w./-]*)|\?\s*$")
# Lines that set up a notebook's own display: nothing is missing from a module without them.
HARMLESS = frozenset({"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "pylab"})


def load(notebook: Notebook, path: str) -> Source:
    """Give each cell its role, parse it, and note what cannot be exported.

    Args:
        notebook: the notebook.
        path: its path from the project's folder, for messages and written files.
    """
    source = Source(notebook, path)
    roles = list(tags.roles(source))
    used = {role for _, role in roles}
    if used == {Role.NONE} or not used:
        return source
    if "python" not in notebook.language and notebook.language not in ("xpython", "sage"):
        source.report(
            rules.LANGUAGE, None, 1, f"its kernel speaks {notebook.language}", "remove the tags"
        )
        return source
    seen: set[str] = set()
    for cell, _ in roles:
        if cell.id in seen:
            source.report(
                rules.DUPLICATE_ID,
                cell,
                1,
                f"another cell has the id {cell.id}",
                "save the notebook in JupyterLab, which gives a new one",
            )
        seen.add(cell.id)
    postponed = any("from __future__ import annotations" in cell.source for cell, _ in roles)
    source.cells = tuple(_parsed(source, cell, role, postponed) for cell, role in roles)
    try:
        source.parameters = notebook.parameters
    except NotebookError as error:
        cell = next(cell for cell, role in roles if role is Role.PARAMETERS)
        line, _, message = str(error).rpartition(f"{cell.id}:")[2].partition(": ")
        source.report(
            rules.PARAMETERS,
            cell,
            int(line) if line.isdigit() else 1,
            message.partition(";")[0] or str(error),
            message.partition(";")[2].strip() or "write «name: type = value  # help»",
        )
    return source


def _parsed(source: Source, cell: Cell, role: Role, postponed: bool) -> CodeCell:
    private = "exporti" in cell.tags
    tree, code = _parse(source, cell, role)
    if role is Role.PARAMETERS or tree.body:
        try:
            found = names.of(code, postponed=postponed)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if role is not Role.NONE:
                line = getattr(error, "lineno", None) or 1
                _syntax(source, cell, line, getattr(error, "msg", None) or str(error))
            return CodeCell(cell, role, ast.Module([], []), "", names.EMPTY, private)
    else:
        found = names.EMPTY
    return CodeCell(cell, role, tree, code, found, private)


def _parse(source: Source, cell: Cell, role: Role) -> tuple[ast.Module, str]:
    """Parse a cell; lines for notebooks only are reported and taken out one by one."""
    code = cell.code
    lines: list[str] | None = None
    while True:
        try:
            return ast.parse(code), code
        except SyntaxError as error:
            lines = lines if lines is not None else code.split("\n")
            number = min(error.lineno or 1, len(lines))
            line = lines[number - 1]
            match = MAGIC.search(line)
            if match is None or not line.strip():
                if role is not Role.NONE:
                    _syntax(source, cell, number, error.msg)
                return ast.Module([], []), ""
            if match["mark"] == "%%":
                if role is not Role.NONE:
                    _magic(source, cell, number, line)
                return ast.Module([], []), ""
            harmless = match["mark"] == "%" and match["word"] in HARMLESS
            if role is not Role.NONE and not harmless:
                _magic(source, cell, number, line)
            lines[number - 1] = _in_its_place(line) if role is Role.NONE else ""
            code = "\n".join(lines)
        except (ValueError, RecursionError, MemoryError) as error:
            if role is not Role.NONE:
                _syntax(source, cell, 1, str(error) or "too complex to parse")
            return ast.Module([], []), ""


def _in_its_place(line: str) -> str:
    """For ``files = !ls``: what keeps the name bound, so that uses of it find their cell."""
    match = re.match(r"^(\s*[\w.,\s]+=)\s*[%!]", line)
    return f"{match[1]} None" if match else re.sub(r"\S.*", "pass", line)


def _syntax(source: Source, cell: Cell, line: int, message: str) -> None:
    source.report(rules.SYNTAX, cell, line, message, "run the cell, and mend what Python says")


def _magic(source: Source, cell: Cell, line: int, text: str) -> None:
    source.report(
        rules.MAGIC,
        cell,
        line,
        f"«{text.strip()}» is for notebooks only",
        "move it to a cell without the tag, or write it in Python",
    )
