"""Locate the lines of a cell in the notebook's JSON file.

Editors count lines within a cell; GitHub and Azure DevOps annotate lines of files. The position is
computed from the JSON text: through the list of source lines, quotes and escapes.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbrelease.export.diagnostic import Diagnostic
from nbrelease.notebook import json_text, reader
from nbrelease.notebook.json_text import Span

LINE_END = re.compile(r"\r\n|\r|\n")


def locate_in_file(diagnostic: Diagnostic, root: Path) -> tuple[int, int]:
    """The 1-based line and column of a diagnostic in its file.

    Args:
        diagnostic: the diagnostic.
        root: the folder that its path is relative to.

    Returns:
        Its position in the cell if the file or the cell cannot be read.
    """
    if not diagnostic.cell:
        return diagnostic.line, diagnostic.column
    text, spans = _read_source_spans(root / diagnostic.path)
    return locate_in_text(text, spans, diagnostic.cell, diagnostic.line, diagnostic.column)


def locate_in_text(
    text: str, spans: Mapping[str, Span], cell: str, line: int, column: int
) -> tuple[int, int]:
    """The 1-based line and column, in a notebook's JSON text, of a line and column of a cell.

    Args:
        text: the JSON text.
        spans: the spans of the cells' sources (:func:`find_source_spans`).
        cell: id of the cell.
        line: 1-based line within the cell.
        column: 1-based column.

    Returns:
        ``line`` and ``column`` if the text has no such cell.
    """
    span = spans.get(cell)
    if span is None:
        return line, column
    offset = _text_offset(text, span, line, column)
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


@lru_cache(maxsize=64)
def _read_source_spans(path: Path) -> tuple[str, dict[str, Span]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError):
        return "", {}
    return text, find_source_spans(text)


def find_source_spans(text: str) -> dict[str, Span]:
    """The span of each cell's source in a notebook's JSON text by the id of the cell."""
    try:
        cells = json_text.cells(text)
    except (ValueError, KeyError, IndexError, RecursionError):
        return {}
    spans: dict[str, Span] = {}
    ids = reader.list_ids([_load_keys(text, keys, ("id", "metadata")) for keys in cells])
    for keys, name in zip(cells, ids, strict=True):
        if "source" in keys and isinstance(name, str):
            spans.setdefault(name, keys["source"])
    return spans


def _load_keys(text: str, spans: Mapping[str, Span], keys: Iterable[str]) -> dict[str, Any]:
    """The values of keys of a cell."""
    return {
        key: json.loads(text[spans[key].start : spans[key].end]) for key in keys if key in spans
    }


def _text_offset(text: str, source: Span, line: int, column: int) -> int:
    """The offset in the file's text of a line and column of a source."""
    is_list = text[source.start] == "["
    parts = list(json_text.elements(text, source.start)) if is_list else [source]
    values = [json.loads(text[part.start : part.end]) for part in parts]
    count = _line_offset("".join(values), line - 1) + column - 1
    for part, value in zip(parts, values, strict=True):
        if count < len(value):
            return _character_offset(text, part, count)
        count -= len(value)
    return source.start if not parts else parts[-1].end - 1


def _line_offset(value: str, lines: int) -> int:
    """The offset after a number of line ends."""
    ends = itertools.islice(LINE_END.finditer(value), lines)
    return max((match.end() for match in ends), default=0)


def _character_offset(text: str, part: Span, count: int) -> int:
    """The offset after a number of characters of a JSON string."""
    offset = part.start + 1
    for _ in range(count):
        match = json_text.CHARACTER.match(text, offset)
        if match is None:
            break
        offset = match.end()
    return offset
