"""A notebook file: its cells, and what each is tagged with.

Read without nbformat, whose validation takes longer than everything that an export does. What the
file must have to be understood is checked here; the rest of it is nobody's business but Jupyter's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from nbrelease.errors import NotebookError
from nbrelease.notebook.parameters import Parameter, declared

DIRECTIVE = re.compile(
    r"^#\|\s*(?P<name>[A-Za-z][\w-]*)(?:\s*:\s*(?P<value>\S.*?)|\s+(?P<rest>\S.*?))?\s*$"
)
# A tag that says more than its name does: «eval:false», «default_exp:core».
VALUED = re.compile(r"^(?P<name>eval|default_exp|test|export)\s*[:\s]\s*(?P<value>\S.*?)\s*$")
# The format allows letters, digits, - and _; all that can stand in a comment is taken.
ID = re.compile(r"^[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]+$")
# nbdev's words for what a tag of ours says.
SYNONYMS = {"exports": "export"}
KINDS = ("code", "markdown", "raw")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        id: its id; ``cell-<index>`` in a file without ids.
        index: its place in the notebook, from 0.
        kind: what it holds.
        source: its text, with line feeds as line ends.
        tags: its tags and its directives' names alike.
        directives: each ``#| name value`` line that it begins with, and each tag ``name:value``.
        lines: the line numbers of the former, from 1.
        torn: the directives that are given two values.
    """

    id: str
    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    tags: frozenset[str]
    directives: Mapping[str, str] = field(default_factory=lambda: _NONE)
    lines: frozenset[int] = frozenset()
    torn: frozenset[str] = frozenset()

    @cached_property
    def code(self) -> str:
        """The source without its directive lines, line numbers kept."""
        if not self.lines:
            return self.source
        return "\n".join(
            "" if number in self.lines else line
            for number, line in enumerate(self.source.split("\n"), start=1)
        )


@dataclass(frozen=True)
class Notebook:
    """A notebook of format 4, as it lies in its file."""

    path: Path
    cells: tuple[Cell, ...]
    language: str = "python"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the first cell tagged ``parameters`` declares, in its order; none without one.

        Raises:
            NotebookError: the cell is not plain assignments.
        """
        for cell in self.cells:
            if "parameters" in cell.tags and cell.kind == "code":
                return declared(cell.code, where=f"{self.path}:{cell.id}")
        return ()

    def tagged(self, tag: str) -> tuple[Cell, ...]:
        """The code cells with this tag, in the notebook's order."""
        return tuple(cell for cell in self.cells if tag in cell.tags and cell.kind == "code")


def read(path: Path) -> Notebook:
    """Read a notebook.

    Raises:
        NotebookError: it is not there, no JSON, or no notebook of format 4.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except OSError as error:
        raise NotebookError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(content, path)


def parse(content: bytes, path: Path) -> Notebook:
    """The notebook that a file's bytes are.

    Args:
        content: the bytes.
        path: what messages call it.

    Raises:
        NotebookError: they are no JSON, or no notebook of format 4.
    """
    try:
        top = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"{path}: no notebook: {_short(error)}") from None
    if not isinstance(top, dict) or top.get("nbformat") != 4:
        raise NotebookError(f"{path}: no notebook of format 4; open and save it in JupyterLab")
    cells = top.get("cells")
    if not isinstance(cells, list):
        raise NotebookError(f"{path}: no notebook: it has no list of cells")
    found = tuple(_cell(index, cell, path) for index, cell in enumerate(cells))
    return Notebook(path, found, _language(top.get("metadata")))


def _short(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _language(metadata: Any) -> str:
    """What its kernel speaks, as far as the file says; lower case."""
    if not isinstance(metadata, dict):
        return "python"
    for place, key in (("kernelspec", "language"), ("language_info", "name")):
        holder = metadata.get(place)
        if isinstance(holder, dict) and isinstance(holder.get(key), str) and holder[key]:
            return str(holder[key]).lower()
    return "python"


def _cell(index: int, raw: Any, path: Path) -> Cell:
    def wrong(what: str) -> NotebookError:
        return NotebookError(f"{path}: no notebook: cell {index} {what}; open it in JupyterLab")

    if not isinstance(raw, dict):
        raise wrong("is no object")
    kind, source, metadata = raw.get("cell_type"), raw.get("source"), raw.get("metadata", {})
    if kind not in KINDS:
        raise wrong(f"has the unknown type {kind!r}")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise wrong("has no text for a source")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise wrong("has metadata or tags of a wrong type")
    # Cells of format 4.0 to 4.4 have no id; their place is the best name there is.
    cell_id = raw.get("id", f"cell-{index}")
    if not isinstance(cell_id, str) or not cell_id:
        raise wrong("has an id that is no text")
    if not ID.match(cell_id):
        raise wrong("has an id with blanks or line ends in it")
    try:
        f"{cell_id}{source}".encode()
    except UnicodeEncodeError:
        raise wrong("holds half a character") from None
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    words = [str(tag) for tag in tags]
    said = [(match["name"], match["value"]) for match in map(VALUED.match, words) if match]
    lines: frozenset[int] = frozenset()
    if kind == "code" and source.lstrip().startswith("#|"):
        written, lines = _directives(source)
        said += written
    if not said:
        names = frozenset([SYNONYMS.get(word, word) for word in words])
        return Cell(cell_id, index, kind, source, names)
    directives: dict[str, str] = {}
    for name, value in said:
        directives[name] = directives.get(name) or value
    torn = {name for name, value in said if value and value.lower() != directives[name].lower()}
    words += directives
    if directives.get("eval", "").lower() == "false":
        words.append("skip")
    names = frozenset([SYNONYMS.get(word, word) for word in words]) - {"eval"}
    return Cell(cell_id, index, kind, source, names, directives, lines, frozenset(torn))


def _directives(source: str) -> tuple[list[tuple[str, str]], frozenset[int]]:
    """The ``#|`` lines that the cell begins with, as names and values, and their line numbers."""
    found = []
    lines = set()
    for number, line in enumerate(source.split("\n"), start=1):
        if not line.strip():
            continue
        match = DIRECTIVE.match(line)
        if match is None:
            break
        lines.add(number)
        found.append((match["name"], match["value"] or match["rest"] or ""))
    return found, frozenset(lines)
