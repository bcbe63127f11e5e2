"""Changes to a notebook's file that leave every other byte as it is.

Loading and saving a notebook gives it another order of keys, another indent, other escapes: a diff
of a thousand lines for a change of one. Here the places of the values are found in the file's text,
and only these are replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbrelease.errors import NotebookError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Span:
    """Where a value stands in the text."""

    start: int
    end: int


def with_sources(content: bytes, sources: Mapping[int, str]) -> bytes:
    """The file with other sources for some cells, whose outputs are dropped: they are not theirs.

    Args:
        content: the file's bytes.
        sources: the new text by the cell's index.

    Raises:
        NotebookError: the file is no notebook.
    """
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    text = content.removeprefix(mark).decode("utf-8")
    try:
        found = cells(text)
        changes: list[tuple[Span, str]] = []
        for index, source in sources.items():
            keys = found[index]
            changes.append((keys["source"], _source(text, keys["source"], source)))
            if "outputs" in keys:
                changes.append((keys["outputs"], "[]"))
            if "execution_count" in keys:
                changes.append((keys["execution_count"], "null"))
    except (ValueError, KeyError, IndexError) as error:
        raise NotebookError(f"no notebook: {error}") from None
    for span, new in sorted(changes, key=lambda change: change[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return mark + text.encode("utf-8")


def _source(text: str, span: Span, source: str) -> str:
    """A source as JSON, written the way that the old one was."""
    old = text[span.start : span.end]
    ascii_only = text.isascii()
    if not old.startswith("["):
        return json.dumps(source, ensure_ascii=ascii_only)
    lines = source.splitlines(keepends=True) if "\n" not in source else _lines(source)
    if not lines:
        return "[]"
    items = [json.dumps(line, ensure_ascii=ascii_only) for line in lines]
    if "\n" not in old and old != "[]":
        return "[" + ", ".join(items) + "]"
    outer = re.search(r"[ \t]*$", text[: text.rfind('"source"', 0, span.start)])
    base = outer[0] if outer else ""
    inner = re.match(r"\[\r?\n([ \t]*)", old)
    step = inner[1] if inner else base + " "
    end = "\r\n" if "\r\n" in text else "\n"
    return f"[{end}" + f",{end}".join(step + item for item in items) + f"{end}{base}]"


def _lines(source: str) -> list[str]:
    """Lines with their ends; only a line feed ends a line of a source."""
    parts = source.split("\n")
    lines = [f"{part}\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def cells(text: str) -> list[dict[str, Span]]:
    """The spans of each cell's values, by key."""
    top = dict(_members(text, _skip(text, 0)))
    return [dict(_members(text, span.start)) for span in elements(text, top["cells"].start)]


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index


def _members(text: str, index: int) -> Iterator[tuple[str, Span]]:
    """The keys of the object that begins at ``index``, with the spans of their values."""
    if text[index] != "{":
        raise ValueError("no object")
    index = _skip(text, index + 1)
    while text[index] != "}":
        key, index = _DECODER.raw_decode(text, index)
        index = _skip(text, _skip(text, index) + 1)
        _, end = _DECODER.raw_decode(text, index)
        yield key, Span(index, end)
        index = _skip(text, end)
        if text[index] == ",":
            index = _skip(text, index + 1)


def elements(text: str, index: int) -> Iterator[Span]:
    """The spans of the elements of the array that begins at ``index``."""
    if text[index] != "[":
        raise ValueError("no array")
    index = _skip(text, index + 1)
    while text[index] != "]":
        _, end = _DECODER.raw_decode(text, index)
        yield Span(index, end)
        index = _skip(text, end)
        if text[index] == ",":
            index = _skip(text, index + 1)
