"""Parse the cells of a notebook: roles, syntax trees and names.

Lines that only configure the notebook's display are dropped. All other IPython syntax in a cell to
export is reported.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from nbrelease.errors import ParameterError
from nbrelease.export import diagnostic as rules
from nbrelease.export import name_usage, tags
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.notebook import Cell, Notebook

MAGIC = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?(?P<mark>%%|%|!!|!|\?)\s*(?P<word>[\w./-]*)|\?\s*$")
# Line magics that only configure the notebook's display: a module works without them.
DISPLAY_MAGICS = frozenset(
    {"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "pylab"}
)


AUGMENTED = re.compile(r"[-+*/%@&|^]=")
# Cell magics whose cell is Python code in the notebook's namespace.
PYTHON_CELL_MAGICS = frozenset({"%%time", "%%timeit", "%%capture", "%%prun"})


def parse_notebook(notebook: Notebook, path: str) -> Source:
    """Assign each cell its role, parse it, and report what cannot be exported.

    Args:
        notebook: the notebook.
        path: its path relative to the project, for messages and exported files.
    """
    source = Source(notebook, path)
    roles = list(tags.roles(source))
    used = {role for _, role in roles}
    if used == {Role.NONE} or not used:
        return source
    if "python" not in notebook.language and notebook.language not in ("xpython", "sage"):
        source.report(
            rules.LANGUAGE,
            None,
            1,
            f"the kernel's language is {notebook.language}; only Python can be exported",
            "remove the tags",
        )
        return source
    seen: set[str] = set()
    for cell, _ in roles:
        if cell.id in seen:
            source.report(
                rules.DUPLICATE_ID,
                cell,
                1,
                f"another cell has the id {cell.id} too",
                "run `nbrelease clean` to assign a new id",
            )
        seen.add(cell.id)
    postponed = any("from __future__ import annotations" in cell.source for cell, _ in roles)
    source.cells = tuple(_parse_cell(source, cell, role, postponed) for cell, role in roles)
    try:
        source.parameters = notebook.parameters
    except ParameterError as error:
        cell = next(cell for cell, role in roles if role is Role.PARAMETERS)
        source.report(rules.PARAMETERS, cell, error.line, error.message, error.fix)
    return source


def _parse_cell(source: Source, cell: Cell, role: Role, postponed: bool) -> CodeCell:
    private = "exporti" in cell.tags
    tree, code = _parse_code(source, cell, role)
    usage = name_usage.EMPTY
    if role is Role.PARAMETERS or tree.body:
        try:
            usage = name_usage.analyze(code, postponed=postponed)
            if AUGMENTED.search(code):
                usage = replace(usage, immediate=usage.immediate | name_usage.augmented_names(tree))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if role is not Role.NONE:
                line = getattr(error, "lineno", None) or 1
                _report_syntax(source, cell, line, getattr(error, "msg", None) or str(error))
            tree, code = ast.Module([], []), ""
    # A cell that cannot be parsed may bind any name in its text.
    unparsed = cell.code if not code else ""
    possible = frozenset(re.findall(r"[^\W\d]\w*", unparsed))
    return CodeCell(cell, role, tree, code, usage, private, possible)


def _parse_code(source: Source, cell: Cell, role: Role) -> tuple[ast.Module, str]:
    """Parse a cell. Each line of IPython syntax is reported, removed, and the rest parsed again."""
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
                    _report_syntax(source, cell, number, error.msg)
                return ast.Module([], []), ""
            if match["mark"] == "%%" and f"%%{match['word']}" not in PYTHON_CELL_MAGICS:
                if role is not Role.NONE:
                    _report_magic(source, cell, number, line)
                return ast.Module([], []), ""
            harmless = match["mark"] == "%" and match["word"] in DISPLAY_MAGICS
            if role is not Role.NONE and not harmless:
                _report_magic(source, cell, number, line)
            lines[number - 1] = _replace_magic(line) if role is Role.NONE else ""
            code = "\n".join(lines)
        except (ValueError, RecursionError, MemoryError) as error:
            if role is not Role.NONE:
                _report_syntax(source, cell, 1, str(error) or "too complex to parse")
            return ast.Module([], []), ""


def _replace_magic(line: str) -> str:
    """A statement that binds the same name: ``files = None`` for ``files = !ls``."""
    if captured := re.match(r"^\s*%%capture\s+(?:-\S+\s+)*([^\W\d]\w*)", line):
        return f"{captured[1]} = None"
    match = re.match(r"^(\s*[\w.,\s]+=)\s*[%!]", line)
    return f"{match[1]} None" if match else re.sub(r"\S.*", "pass", line)


def _report_syntax(source: Source, cell: Cell, line: int, message: str) -> None:
    source.report(rules.SYNTAX, cell, line, message, "run the cell and fix the syntax error")


def _report_magic(source: Source, cell: Cell, line: int, text: str) -> None:
    source.report(
        rules.MAGIC,
        cell,
        line,
        f"`{text.strip()}` is IPython syntax, which does not work in a module",
        "move the line to an untagged cell, or write it in Python",
    )
