"""Read a notebook file: its cells, their tags and directives.

The file is read without nbformat, whose validation takes longer than a whole export. The reader
validates what it needs: the format, the type and source of each cell, ids and tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from nbrelease.errors import NotebookError, NotebookFormatError
from nbrelease.notebook.parameters import Parameter, read_parameters

DIRECTIVE = re.compile(
    r"^#\|\s*(?P<name>[A-Za-z][\w-]*)(?:\s*:\s*(?P<value>\S.*?)|\s+(?P<rest>\S.*?))?\s*$"
)
# A tag with a value: `eval:false`, `default_exp:core`.
TAG_WITH_VALUE = re.compile(
    r"^(?P<name>eval|default_exp|test|export|metric)\s*[:\s]\s*(?P<value>\S.*?)\s*$"
)
# The format allows letters, digits, - and _. Any id is accepted that fits on a comment line.
ID = re.compile(r"^[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]+$")
NBFORMAT_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
# nbdev's names for our tags.
SYNONYMS = {"exports": "export"}
MINOR_WITH_IDS = 5
"""The minor version of format 4 in which cells have ids."""
INJECTED = "injected-parameters"
"""papermill's tag for the cell with the injected parameters."""
CELL_TYPES = ("code", "markdown", "raw")
_NO_DIRECTIVES: Mapping[str, str] = MappingProxyType({})
_SAVE_AGAIN = "open it in JupyterLab and save it"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        id: its id; that of :func:`list_ids` in a file without ids.
        index: its 0-based position in the notebook.
        kind: its type.
        source: its text, with line feeds as line ends.
        tags: its tags and the names of its directives.
        directives: the values of its directives and of its tags ``name:value``.
        directive_lines: the 1-based line numbers of its directives.
        ambiguous: the directives that have two different values.
    """

    id: str
    index: int
    kind: Literal["code", "markdown", "raw"]
    source: str
    tags: frozenset[str]
    directives: Mapping[str, str] = field(default_factory=lambda: _NO_DIRECTIVES)
    directive_lines: frozenset[int] = frozenset()
    ambiguous: frozenset[str] = frozenset()

    @cached_property
    def code(self) -> str:
        """The source with its directives as blank lines."""
        if not self.directive_lines:
            return self.source
        return "\n".join(
            "" if number in self.directive_lines else line
            for number, line in enumerate(self.source.split("\n"), start=1)
        )


@dataclass(frozen=True)
class Notebook:
    """A notebook of format 4."""

    path: Path
    cells: tuple[Cell, ...]
    language: str = "python"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the first cell tagged ``parameters``, in order.

        Raises:
            ParameterError: the cell contains more than plain assignments.
        """
        for cell in self.cells:
            if "parameters" in cell.tags and cell.kind == "code":
                return read_parameters(cell.code, where=f"{self.path}:{cell.id}")
        return ()


def read(path: Path) -> Notebook:
    """Read a notebook file.

    Raises:
        NotebookError: the file cannot be read or is not a notebook of format 4.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except OSError as error:
        raise NotebookError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(content, path)


def parse(content: bytes, path: Path) -> Notebook:
    """Parse the content of a notebook file.

    Args:
        content: the content, UTF-8 with or without a byte order mark.
        path: the path for messages.

    Raises:
        NotebookFormatError: it is not a notebook of format 4.
    """
    try:
        top = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        message = f"not a notebook: {_describe(error)}"
        raise NotebookFormatError(path, message, "restore it from git") from None
    if not isinstance(top, dict) or top.get("nbformat") != 4:
        raise NotebookFormatError(path, "not a notebook of format 4", _SAVE_AGAIN)
    cells = top.get("cells")
    if not isinstance(cells, list):
        message = "not a notebook: it has no list of cells"
        raise NotebookFormatError(path, message, "restore it from git")
    ids = list_ids(cells)
    parsed = tuple(_parse_cell(index, cell, ids[index], path) for index, cell in enumerate(cells))
    return Notebook(path, parsed, _kernel_language(top.get("metadata")))


def load_nbformat(path: Path) -> Any:
    """Read a notebook as an object of nbformat, with the ids that :func:`read` gives its cells.

    Raises:
        NotebookError: the file cannot be read or is not a notebook of format 4.
        NotebookFormatError: two cells have the same id, or a number is NaN or infinite, which JSON
            does not have: the pack would contain files that other programs cannot read.
    """
    import nbformat

    ids = [cell.id for cell in read(path).cells]
    if repeated := sorted({each for each in ids if ids.count(each) > 1}):
        message = f"two cells have the id {repeated[0]}"
        raise NotebookFormatError(path, message, "run `nbrelease clean` to assign a new id")

    def refuse(constant: str) -> None:
        message = f"{constant} in an output or in metadata is not valid JSON"
        raise NotebookFormatError(path, message, "run `nbrelease clean` to write null")

    content = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=refuse)
    for cell, cell_id in zip(content["cells"], ids, strict=True):
        cell["id"] = cell_id
    content["nbformat_minor"] = MINOR_WITH_IDS
    return nbformat.reads(json.dumps(content), as_version=4)


def list_ids(cells: Sequence[Any]) -> list[Any]:
    """The ids of the cells of a notebook file.

    Cells of format 4.0 to 4.4 have none. Colab writes such files and has ids in the metadata: a
    cell with such an id keeps it where another cell is inserted above. Otherwise the id is the
    position.

    Args:
        cells: the cells as they are in the file.

    Returns:
        The own id of each cell, unchecked; else that of Colab if it is valid and no other cell has
        it; else ``cell-`` and the position.
    """
    missing = [index for index, cell in enumerate(cells) if _has_no_id(cell)]
    ids = [cell.get("id") if isinstance(cell, dict) else None for cell in cells]
    used = {each for each in ids if isinstance(each, str)} if missing else set()
    for index in missing:
        metadata = cells[index].get("metadata")
        of_colab = metadata.get("id") if isinstance(metadata, dict) else None
        is_valid = isinstance(of_colab, str) and NBFORMAT_ID.match(of_colab)
        ids[index] = of_colab if is_valid and of_colab not in used else f"cell-{index}"
        used.add(str(ids[index]))
    return ids


def _has_no_id(cell: Any) -> bool:
    return isinstance(cell, dict) and "id" not in cell


def _describe(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kernel_language(metadata: Any) -> str:
    """The language of the notebook's kernel in lower case; Python if unknown."""
    if not isinstance(metadata, dict):
        return "python"
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        values = metadata.get(section)
        if isinstance(values, dict) and isinstance(values.get(key), str) and values[key]:
            return str(values[key]).lower()
    return "python"


def _parse_cell(index: int, raw: Any, cell_id: Any, path: Path) -> Cell:
    def invalid(problem: str) -> NotebookFormatError:
        return NotebookFormatError(path, f"not a notebook: cell {index} {problem}", _SAVE_AGAIN)

    if not isinstance(raw, dict):
        raise invalid("is not an object")
    kind, source, metadata = raw.get("cell_type"), raw.get("source"), raw.get("metadata", {})
    if kind not in CELL_TYPES:
        raise invalid(f"has the unknown type {kind!r}")
    if isinstance(source, list):
        try:
            source = "".join(source)
        except TypeError:
            raise invalid("has a source that is not text") from None
    if not isinstance(source, str):
        raise invalid("has a source that is not text")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise invalid("has invalid metadata or tags")
    if not isinstance(cell_id, str) or not cell_id:
        raise invalid("has an id that is not text")
    if not ID.match(cell_id):
        raise invalid("has an id with whitespace or control characters")
    try:
        f"{cell_id}{source}".encode()
    except UnicodeEncodeError:
        raise invalid("contains an unpaired surrogate") from None
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    words = [str(tag) for tag in tags]
    pairs = [(match["name"], match["value"]) for match in map(TAG_WITH_VALUE.match, words) if match]
    lines: frozenset[int] = frozenset()
    if kind == "code" and source.lstrip().startswith("#|"):
        directive_pairs, lines = _parse_directives(source)
        pairs += directive_pairs
    if not pairs:
        names = frozenset([SYNONYMS.get(word, word) for word in words])
        return Cell(cell_id, index, kind, source, names)
    directives: dict[str, str] = {}
    for name, value in pairs:
        directives[name] = directives.get(name) or value
    ambiguous = {
        name for name, value in pairs if value and value.lower() != directives[name].lower()
    }
    words += directives
    if directives.get("eval", "").lower() == "false":
        words.append("skip")
    names = frozenset([SYNONYMS.get(word, word) for word in words]) - {"eval"}
    return Cell(cell_id, index, kind, source, names, directives, lines, frozenset(ambiguous))


def _parse_directives(source: str) -> tuple[list[tuple[str, str]], frozenset[int]]:
    """Names and values of the ``#|`` lines at the top of a cell, and their line numbers."""
    pairs = []
    lines = set()
    for number, line in enumerate(source.split("\n"), start=1):
        if not line.strip():
            continue
        match = DIRECTIVE.match(line)
        if match is None:
            break
        lines.add(number)
        pairs.append((match["name"], match["value"] or match["rest"] or ""))
    return pairs, frozenset(lines)
