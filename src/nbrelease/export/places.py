"""Where a line of a cell stands in the notebook's file.

People and editors count within a cell; GitHub and Azure DevOps mark the lines of files. A notebook
is JSON, so the place is found in its text: through the source's lists, its quotes and its escapes.
"""

from __future__ import annotations

import itertools
import json
import re
from functools import lru_cache
from pathlib import Path

from nbrelease.export.diagnostic import Diagnostic
from nbrelease.notebook import raw
from nbrelease.notebook.raw import Span

LINE_END = re.compile(r"\r\n|\r|\n")


def in_file(found: Diagnostic, root: Path) -> tuple[int, int]:
    """Line and column of a finding in its file, from 1; in the cell where the file cannot tell.

    Args:
        found: the finding.
        root: the folder that its path begins in.
    """
    if not found.cell:
        return found.line, found.column
    text, spans = _file(root / found.path)
    span = spans.get(found.cell)
    if span is None:
        return found.line, found.column
    offset = _offset(text, span, found.line, found.column)
    line = text.count("\n", 0, offset) + 1
    return line, offset - text.rfind("\n", 0, offset)


@lru_cache(maxsize=64)
def _file(path: Path) -> tuple[str, dict[str, Span]]:
    """The text of a notebook, and the span of each cell's source by the cell's id."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        cells = raw.cells(text)
    except (OSError, ValueError, KeyError, IndexError, RecursionError):
        return "", {}
    found: dict[str, Span] = {}
    for index, keys in enumerate(cells):
        cell_id = text[keys["id"].start : keys["id"].end] if "id" in keys else ""
        name = json.loads(cell_id) if cell_id else f"cell-{index}"
        if "source" in keys and isinstance(name, str):
            found.setdefault(name, keys["source"])
    return text, found


def _offset(text: str, source: Span, line: int, column: int) -> int:
    """The place in the file's text of a line and column of a source."""
    is_list = text[source.start] == "["
    parts = list(raw.elements(text, source.start)) if is_list else [source]
    values = [json.loads(text[part.start : part.end]) for part in parts]
    count = _after_lines("".join(values), line - 1) + column - 1
    for part, value in zip(parts, values, strict=True):
        if count < len(value):
            return _written(text, part, count)
        count -= len(value)
    return source.start if not parts else parts[-1].end - 1


def _after_lines(value: str, lines: int) -> int:
    """The index behind so many ends of lines."""
    ends = itertools.islice(LINE_END.finditer(value), lines)
    return max((match.end() for match in ends), default=0)


def _written(text: str, part: Span, count: int) -> int:
    """The place behind so many characters of a JSON text."""
    place = part.start + 1
    for _ in range(count):
        match = raw.CHARACTER.match(text, place)
        if match is None:
            break
        place = match.end()
    return place
