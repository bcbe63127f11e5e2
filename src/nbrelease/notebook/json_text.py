"""Replace cell sources in a notebook file and keep every other byte.

Loading and saving a notebook may change the order of keys, the indentation and the escapes, which
makes a diff of a thousand lines for a change of one. Here the spans of the values are located in
the JSON text, and only these are replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbrelease.errors import NotebookError

# One character of a JSON string as it is written; characters beyond U+FFFF take two escapes.
CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
# Escapes that only a writer of plain ASCII makes.
ASCII_ESCAPE = re.compile(r"\\u(?!00[01])[0-9a-fA-F]{4}")
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Span:
    """The start and end offset of a value in the text."""

    start: int
    end: int


def replace_sources(content: bytes, sources: Mapping[int, str]) -> bytes:
    """Replace the sources of cells, and drop the outputs of these cells.

    Args:
        content: the content of the file.
        sources: the new sources by the index of the cell.

    Raises:
        NotebookError: the file is not a notebook.
    """
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    text = content.removeprefix(mark).decode("utf-8")
    try:
        spans = cells(text)
        changes: list[tuple[Span, str]] = []
        for index, source in sources.items():
            keys = spans[index]
            changes.append((keys["source"], _format_source(text, keys["source"], source)))
            if "outputs" in keys:
                changes.append((keys["outputs"], "[]"))
            if "execution_count" in keys:
                changes.append((keys["execution_count"], "null"))
    except (ValueError, KeyError, IndexError) as error:
        raise NotebookError(f"not a notebook: {error}") from None
    for span, new in sorted(changes, key=lambda change: change[0].start, reverse=True):
        text = text[: span.start] + new + text[span.end :]
    return mark + text.encode("utf-8")


def _format_source(text: str, span: Span, source: str) -> str:
    """A source as JSON in the style of the old one; unchanged lines keep their bytes."""
    old = text[span.start : span.end]
    is_list = old.startswith("[")
    parts = list(elements(text, span.start)) if is_list else [span]
    known = _known_lines("".join(text[part.start + 1 : part.end - 1] for part in parts))
    end = "\\r\\n" if any(ends == "\\r\\n" for _, ends in known.values()) else "\\n"
    escaped = text.isascii() and ASCII_ESCAPE.search(text) is not None
    lines = source.split("\n")
    items = []
    for number, line in enumerate(lines, start=1):
        encoded, ends = known.get(line, ("", ""))
        encoded = encoded or json.dumps(line, ensure_ascii=escaped)[1:-1]
        items.append(encoded + ((ends or end) if number < len(lines) else ""))
    if not is_list:
        return f'"{"".join(items)}"'
    strings = [f'"{item}"' for item in items if item]
    if not strings:
        return "[]"
    if "\n" not in (text.strip() if old == "[]" else old):
        return "[" + (", " if text[span.start - 1].isspace() else ",").join(strings) + "]"
    outer = re.search(r"[ \t]*$", text[: text.rfind('"source"', 0, span.start)])
    base = outer[0] if outer else ""
    inner = re.match(r"\[\r?\n([ \t]*)", old)
    step = inner[1] if inner else base + " "
    close = re.search(r"\n([ \t]*)\]$", old)
    base = close[1] if close else base
    feed = "\r\n" if "\r\n" in text else "\n"
    return f"[{feed}" + f",{feed}".join(step + item for item in strings) + f"{feed}{base}]"


def _known_lines(encoded: str) -> dict[str, tuple[str, str]]:
    """For each line of a JSON string: its JSON text and that of its line end."""
    known: dict[str, tuple[str, str]] = {}
    line: list[str] = []
    for match in CHARACTER.finditer(encoded):
        line.append(match[0])
        if json.loads(f'"{match[0]}"') == "\n":
            ends = line[-2:] if line[-2:-1] == ["\\r"] else line[-1:]
            _add_line(known, line[: -len(ends)], "".join(ends))
            line = []
    _add_line(known, line, "")
    return known


def _add_line(known: dict[str, tuple[str, str]], characters: list[str], ends: str) -> None:
    encoded = "".join(characters)
    line = json.loads(f'"{encoded}"')
    if ends or line not in known:
        known[line] = (encoded, ends)


def cells(text: str) -> list[dict[str, Span]]:
    """The spans of the values of each cell, by key."""
    top = dict(_members(text, _skip_space(text, 0)))
    return [dict(_members(text, span.start)) for span in elements(text, top["cells"].start)]


def _skip_space(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match else index


def _members(text: str, index: int) -> Iterator[tuple[str, Span]]:
    """The keys and the spans of the values of the object at ``index``."""
    if text[index] != "{":
        raise ValueError("not an object")
    index = _skip_space(text, index + 1)
    while text[index] != "}":
        key, index = _DECODER.raw_decode(text, index)
        index = _skip_space(text, _skip_space(text, index) + 1)
        _, end = _DECODER.raw_decode(text, index)
        yield key, Span(index, end)
        index = _skip_space(text, end)
        if text[index] == ",":
            index = _skip_space(text, index + 1)


def elements(text: str, index: int) -> Iterator[Span]:
    """The spans of the elements of the array at ``index``."""
    if text[index] != "[":
        raise ValueError("not an array")
    index = _skip_space(text, index + 1)
    while text[index] != "]":
        _, end = _DECODER.raw_decode(text, index)
        yield Span(index, end)
        index = _skip_space(text, end)
        if text[index] == ",":
            index = _skip_space(text, index + 1)
