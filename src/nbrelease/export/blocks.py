"""Blocks of an exported file. The heading of a block names the cell that it comes from.

The heading ``# %% notebook #cell-id`` leads from a traceback to the cell, and ``nbrelease sync``
uses it to find the cell of an edit by hand. Editors show ``# %%`` as cells.
"""

from __future__ import annotations

import io
import itertools
import re
import textwrap
import tokenize
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from nbrelease.export.source import CodeCell

HEADING = re.compile(r"^(?: {4})?# %% (?P<key>\S.*?)\s*$")
INDENT = "    "


class Line(NamedTuple):
    """A line of a block, and its line number in the cell; None for a generated line."""

    text: str
    cell_line: int | None = None


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        key: the text of its heading; empty for the top of the file.
        lines: its lines without the heading.
        cell: the cell that it comes from; None for a generated block.
        indented: whether it stands in a function.
    """

    key: str
    lines: tuple[Line, ...]
    cell: CodeCell | None = None
    indented: bool = False

    @cached_property
    def text(self) -> str:
        """Its lines without the heading."""
        return "\n".join(line.text for line in self.lines)

    @property
    def text_with_heading(self) -> str:
        """Its heading and its lines."""
        if not self.key:
            return self.text
        return f"{INDENT if self.indented else ''}# %% {self.key}\n{self.text}"


def generated_lines(text: str) -> tuple[Line, ...]:
    """The lines of generated code."""
    return tuple(Line(line) for line in text.strip("\n").split("\n"))


def join(blocks: list[Block]) -> str:
    """The text of a file: two blank lines between blocks, one within a function."""
    parts = [blocks[0].text_with_heading]
    for previous, block in itertools.pairwise(blocks):
        first_in_function = block.indented and not previous.indented
        gap = "\n" if first_in_function else "\n\n" if block.indented else "\n\n\n"
        parts.append(gap + block.text_with_heading)
    return "".join(parts) + "\n"


def split(text: str) -> dict[str, str]:
    """The text of each block of a file by its heading, without surrounding blank lines."""
    blocks: dict[str, list[str]] = {"": []}
    current = blocks[""]
    for line in text.split("\n"):
        match = HEADING.match(line) if "# %% " in line else None
        if match:
            key = match["key"]
            while key in blocks:  # a heading that was copied
                key += " (again)"
            current = blocks[key] = []
        else:
            current.append(line)
    return {key: "\n".join(lines).strip("\n") for key, lines in blocks.items()}


def cell_lines(cell: CodeCell, omitted: set[int], *, indented: bool = False) -> tuple[Line, ...]:
    """The lines of a cell for a file, without surrounding blank lines.

    Args:
        cell: the cell.
        omitted: numbers of lines to omit, see :func:`omitted_lines`.
        indented: whether to indent them for a function.
    """
    lines: list[Line] = []
    gap = False
    for number, text in enumerate(cell.code.split("\n"), start=1):
        if number in omitted:
            gap = True
            continue
        blank = not text.strip()
        if blank and gap and (not lines or not lines[-1].text):
            continue  # the omitted lines stood between two blank lines
        gap = gap and blank
        lines.append(Line("" if blank else text, number))
    while lines and not lines[0].text.strip():
        lines.pop(0)
    while lines and not lines[-1].text.strip():
        lines.pop()
    if not indented:
        return tuple(lines)
    in_string = lines_in_strings(cell.code)
    return tuple(
        line
        if line.cell_line in in_string or not line.text
        else Line(INDENT + line.text, line.cell_line)
        for line in lines
    )


def lines_in_strings(code: str) -> frozenset[int]:
    """The numbers of lines that begin within a string; their indentation must not change."""
    if '"""' not in code and "'''" not in code and "\\\n" not in code:
        return frozenset()
    inside: set[int] = set()
    starts: list[int] = []
    source = io.StringIO(textwrap.dedent(code) + "\n")
    for token in tokenize.generate_tokens(source.readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            inside |= set(range(token.start[0] + 1, token.end[0] + 1))
        elif name in ("FSTRING_START", "TSTRING_START"):  # Python 3.12 and later
            starts.append(token.start[0])
        elif name in ("FSTRING_END", "TSTRING_END"):
            inside |= set(range(starts.pop() + 1, token.end[0] + 1))
    return frozenset(inside)


def omitted_lines(cell: CodeCell) -> set[int]:
    """The lines of a cell that its block omits: imports, directives and display magics."""
    omitted = set(cell.cell.directive_lines)
    lines = cell.code.split("\n")
    originals = cell.cell.source.split("\n")
    omitted |= {
        number
        for number, (line, original) in enumerate(zip(lines, originals, strict=True), start=1)
        if not line and original
    }
    statement_lines = {
        number
        for node in cell.tree.body
        if node not in cell.imports
        for number in (node.lineno, node.end_lineno or node.lineno)
    }
    for node in cell.imports:
        import_lines = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        omitted |= import_lines - statement_lines  # `import a; b = 1` is not omitted
    return omitted
