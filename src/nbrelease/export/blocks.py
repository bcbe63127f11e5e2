"""A written file as a row of blocks, each headed by the cell that it comes from.

The heading ``# %% notebook #cell-id`` leads tracebacks and editors back to the cell (editors open
``# %%`` as cells), and lets an edit by hand find the lines of the cell that it belongs to.
"""

from __future__ import annotations

import io
import itertools
import re
import textwrap
import tokenize
from dataclasses import dataclass

from nbrelease.export.source import CodeCell

HEAD = re.compile(r"^(?: {4})?# %% (?P<key>\S.*?)\s*$")
INDENT = "    "


@dataclass(frozen=True)
class Line:
    """A line of a block, and the line of the cell that it is; none for what export adds."""

    text: str
    origin: int | None = None


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        key: what its heading says; empty for the top of the file.
        lines: without the heading.
        cell: where it comes from; none for what export writes itself.
        inside: whether it stands within a function, four spaces in.
    """

    key: str
    lines: tuple[Line, ...]
    cell: CodeCell | None = None
    inside: bool = False

    @property
    def text(self) -> str:
        """Its lines, without the heading."""
        return "\n".join(line.text for line in self.lines)

    @property
    def written(self) -> str:
        """Its lines as they stand in the file, with the heading."""
        if not self.key:
            return self.text
        return f"{INDENT if self.inside else ''}# %% {self.key}\n{self.text}"


def written(text: str) -> tuple[Line, ...]:
    """Lines that export adds."""
    return tuple(Line(line) for line in text.strip("\n").split("\n"))


def join(blocks: list[Block]) -> str:
    """The file's text: two blank lines between blocks, one within a function."""
    parts = [blocks[0].written]
    for before, block in itertools.pairwise(blocks):
        close = block.inside and not before.inside
        gap = "\n" if close else "\n\n" if block.inside else "\n\n\n"
        parts.append(gap + block.written)
    return "".join(parts) + "\n"


def split(text: str) -> dict[str, str]:
    """The blocks of a file by their keys; texts without the blank lines around them."""
    found: dict[str, list[str]] = {"": []}
    current = found[""]
    for line in text.split("\n"):
        match = HEAD.match(line)
        if match:
            key = match["key"]
            while key in found:  # a heading that somebody copied
                key += " (again)"
            current = found[key] = []
        else:
            current.append(line)
    return {key: "\n".join(lines).strip("\n") for key, lines in found.items()}


def of_cell(cell: CodeCell, dropped: set[int], *, inside: bool = False) -> tuple[Line, ...]:
    """The lines of a cell that go into a file, without the blank ones around them.

    Args:
        cell: the cell.
        dropped: numbers of lines that do not: directives, imports that are gathered elsewhere.
        inside: whether to move them four spaces in.
    """
    lines: list[Line] = []
    gap = False
    for number, text in enumerate(cell.code.split("\n"), start=1):
        if number in dropped:
            gap = True
            continue
        blank = not text.strip()
        if blank and gap and (not lines or not lines[-1].text):
            continue  # what was dropped stood between two blank lines
        gap = gap and blank
        lines.append(Line("" if blank else text, number))
    while lines and not lines[0].text.strip():
        lines.pop(0)
    while lines and not lines[-1].text.strip():
        lines.pop()
    if not inside:
        return tuple(lines)
    kept = inside_texts(cell.code)
    return tuple(
        line if line.origin in kept or not line.text else Line(INDENT + line.text, line.origin)
        for line in lines
    )


def inside_texts(code: str) -> frozenset[int]:
    """The numbers of lines that begin within a text over several lines: they must not be moved."""
    if '"""' not in code and "'''" not in code and "\\\n" not in code:
        return frozenset()
    inside: set[int] = set()
    opened: list[int] = []
    source = io.StringIO(textwrap.dedent(code) + "\n")
    for token in tokenize.generate_tokens(source.readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            inside |= set(range(token.start[0] + 1, token.end[0] + 1))
        elif name in ("FSTRING_START", "TSTRING_START"):  # Python 3.12 and later
            opened.append(token.start[0])
        elif name in ("FSTRING_END", "TSTRING_END"):
            inside |= set(range(opened.pop() + 1, token.end[0] + 1))
    return frozenset(inside)


def dropped_lines(cell: CodeCell) -> set[int]:
    """The lines of a cell that are gathered or left out: imports, directives, magics."""
    gone = set(cell.cell.lines)
    lines = cell.code.split("\n")
    originals = cell.cell.source.split("\n")
    gone |= {
        number
        for number, (line, original) in enumerate(zip(lines, originals, strict=True), start=1)
        if not line and original
    }
    others = {
        number
        for node in cell.tree.body
        if node not in cell.imports
        for number in (node.lineno, node.end_lineno or node.lineno)
    }
    for node in cell.imports:
        own = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        gone |= own - others  # «import a; b = 1» keeps its line
    return gone
