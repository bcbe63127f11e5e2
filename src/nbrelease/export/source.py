"""A notebook as the export sees it: every cell has one role, its code is parsed once.

This is where what a notebook may contain meets what a module may contain: magics are told from
Python, settings of the notebook's own display are left out, and everything else that is no Python
is a finding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from nbrelease.errors import NotebookError
from nbrelease.export import diagnostic as rules
from nbrelease.export import names
from nbrelease.export.diagnostic import RULES, Diagnostic, Rule
from nbrelease.notebook import Cell, Notebook, Parameter


class Role(StrEnum):
    """What becomes of a cell."""

    PARAMETERS = "parameters"
    EXPORT = "export"
    MAIN = "main"
    TEST = "test"
    NONE = "none"


TAGS = {
    "parameters": Role.PARAMETERS,
    "export": Role.EXPORT,
    "exporti": Role.EXPORT,
    "main": Role.MAIN,
    "test": Role.TEST,
}
DIRECTIVES = frozenset({*TAGS, "exports", "hide", "eval", "default_exp", "skip", "check"})
# Words of nbdev and Quarto that change how a page looks: right in a notebook, nothing to us.
_OTHERS = """
code-fold code-summary code-line-numbers echo error fig-alt fig-cap fig-height fig- subcap fig-
width filter_stream hide_input hide_line hide_output hideall include label layout-ncol output
tbl-cap warning eval-false exec_doc skip_showdoc column slow cuda
"""
DIRECTIVES_OF_OTHERS = frozenset(_OTHERS.split())
MAGIC = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?(?P<mark>%%|%|!!|!|\?)\s*(?P<word>[\w./-]*)|\?\s*$")
# Lines that set up a notebook's own display: nothing is missing from a module without them.
HARMLESS = frozenset({"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "pylab"})
IGNORE = re.compile(r"#\s*nbrelease:\s*ignore\[(?P<codes>[A-Z0-9, ]+)\](?P<reason>.*)$")


@dataclass(frozen=True)
class CodeCell:
    """A code cell with its role and its parsed code.

    Attributes:
        cell: as in the notebook.
        role: what becomes of it.
        tree: its syntax tree; of nothing when it cannot be parsed.
        code: the code that was parsed: directives and harmless magics are blank lines.
        names: what it binds and reads.
        private: exported, but not for ``import *`` (nbdev's ``exporti``).
    """

    cell: Cell
    role: Role
    tree: ast.Module
    code: str
    names: names.Names
    private: bool = False

    @cached_property
    def imports(self) -> tuple[ast.Import | ast.ImportFrom, ...]:
        """The imports at the top level."""
        return tuple(
            node for node in self.tree.body if isinstance(node, ast.Import | ast.ImportFrom)
        )

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that these bind."""
        return frozenset(
            names.bound_by(alias)
            for node in self.imports
            for alias in node.names
            if alias.name != "*"
        )

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names that it binds otherwise."""
        return self.names.bound - self.imported


@dataclass
class Source:
    """A notebook's cells by role, its parameters, and what was found while reading them.

    Attributes:
        notebook: the notebook.
        path: its path from the project's folder, with forward slashes.
        cells: its code cells, in order.
        parameters: what its parameters cell declares.
        found: the findings so far.
    """

    notebook: Notebook
    path: str
    cells: tuple[CodeCell, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    found: list[Diagnostic] = field(default_factory=list)

    def of(self, *roles: Role) -> list[CodeCell]:
        """The cells of these roles, in the notebook's order."""
        return [cell for cell in self.cells if cell.role in roles]

    @cached_property
    def module(self) -> str:
        """The name of its module: ``default_exp``'s word, or the file's name as an identifier."""
        for code_cell in self.cells:
            if name := code_cell.cell.directives.get("default_exp"):
                return identifier(name.rpartition(".")[2])
        return identifier(PurePosixPath(self.path).stem)

    @cached_property
    def runnable(self) -> bool:
        """Whether it has a ``main``; without one it is a module for others to import."""
        return any(cell.role is Role.MAIN for cell in self.cells)

    @cached_property
    def exports(self) -> bool:
        """Whether anything of it is exported."""
        return any(cell.role in (Role.EXPORT, Role.MAIN) for cell in self.cells)

    def report(
        self, rule: Rule, cell: Cell | None, node: ast.AST | int | None, message: str, mend: str
    ) -> None:
        """Add a finding at a node (or a line) of a cell, unless the line says to ignore it."""
        if isinstance(node, int):
            line, column = node, 1
        else:
            line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        if cell is not None and self._ignored(rule, cell, line):
            return
        where = cell.id if cell is not None else ""
        self.found.append(Diagnostic(rule, self.path, where, line, column, message, mend))

    def _ignored(self, rule: Rule, cell: Cell, line: int) -> bool:
        if "nbrelease:" not in cell.source:
            return False
        lines = cell.source.split("\n")
        match = IGNORE.search(lines[line - 1]) if line <= len(lines) else None
        return match is not None and rule.code in re.split(r"[,\s]+", match["codes"])

    def definitions(self, name: str, *roles: Role) -> list[CodeCell]:
        """The cells of these roles that bind a name."""
        return [cell for cell in self.cells if cell.role in roles and name in cell.names.bound]


def identifier(text: str) -> str:
    """A text as a name of Python."""
    name = re.sub(r"\W", "_", text)
    return name if name[:1].isidentifier() else f"nb_{name}"


def load(notebook: Notebook, path: str) -> Source:
    """Give each cell its role, parse it, and note what cannot be exported.

    Args:
        notebook: the notebook.
        path: its path from the project's folder, for messages and written files.
    """
    source = Source(notebook, path)
    roles = list(_roles(source))
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
    _suppressions(source)
    return source


def _roles(source: Source) -> Iterator[tuple[Cell, Role]]:
    """Each code cell with its role; tags that contradict each other are reported."""
    parameters_seen = False
    for cell in source.notebook.cells:
        if cell.kind != "code":
            continue
        found = sorted({TAGS[tag] for tag in cell.tags & TAGS.keys()}) if cell.tags else []
        if len(found) > 1:
            source.report(
                rules.CONFLICT,
                cell,
                1,
                f"the cell is tagged {' and '.join(found)}",
                "keep one of them; split the cell if it does both",
            )
        role = found[0] if found else Role.NONE
        if role is Role.PARAMETERS:
            if parameters_seen:
                source.report(
                    rules.CONFLICT,
                    cell,
                    1,
                    "a second cell is tagged parameters; papermill reads the first only",
                    "move its lines to the first, or remove the tag",
                )
                role = Role.NONE
            parameters_seen = True
        if cell.lines:
            _unknown(source, cell)
        yield cell, role


def _unknown(source: Source, cell: Cell) -> None:
    import difflib

    for number in sorted(cell.lines):
        line = cell.source.split("\n")[number - 1]
        word = re.sub(r"^#\|\s*", "", line).split(":")[0].split()[0]
        if word not in DIRECTIVES | DIRECTIVES_OF_OTHERS:
            close = difflib.get_close_matches(word, sorted(DIRECTIVES), n=1)
            mend = f"did you mean «#| {close[0]}»?" if close else "remove the line"
            source.report(rules.DIRECTIVE, cell, number, f"no directive is called {word}", mend)


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


def _suppressions(source: Source) -> None:
    """Every ignored rule has to exist and to say why it is ignored."""
    for code_cell in source.cells:
        if "nbrelease:" not in code_cell.cell.source:
            continue
        for number, line in enumerate(code_cell.cell.source.split("\n"), start=1):
            match = IGNORE.search(line)
            if match is None:
                continue
            codes = re.split(r"[,\s]+", match["codes"].strip())
            unknown = [code for code in codes if code not in RULES]
            if unknown:
                message, mend = f"there is no rule {unknown[0]}", "see nbrelease export --rules"
            elif not match["reason"].strip():
                message = f"{', '.join(codes)} is ignored without a reason"
                mend = "write why behind it: # nbrelease: ignore[CODE] because …"
            else:
                continue
            source.report(rules.NO_REASON, code_cell.cell, number, message, mend)
