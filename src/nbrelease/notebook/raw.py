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

# One character of a JSON text as it is written: two escapes for those beyond U+FFFF.
CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
# Escapes that nothing but a writer of plain ASCII makes.
ESCAPED = re.compile(r"\\u(?!00[01])[0-9a-fA-F]{4}")
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
    """A source as JSON, written the way that the old one was; lines that stay keep their bytes."""
    old = text[span.start : span.end]
    is_list = old.startswith("[")
    parts = list(elements(text, span.start)) if is_list else [span]
    known = _known_lines("".join(text[part.start + 1 : part.end - 1] for part in parts))
    end = "\\r\\n" if any(ends == "\\r\\n" for _, ends in known.values()) else "\\n"
    escaped = text.isascii() and ESCAPED.search(text) is not None
    lines = source.split("\n")
    items = []
    for number, line in enumerate(lines, start=1):
        written, ends = known.get(line, ("", ""))
        written = written or json.dumps(line, ensure_ascii=escaped)[1:-1]
        items.append(written + ((ends or end) if number < len(lines) else ""))
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


def _known_lines(written: str) -> dict[str, tuple[str, str]]:
    """The lines of a JSON text: by what each says, how it and its end are written."""
    found: dict[str, tuple[str, str]] = {}
    line: list[str] = []
    for match in CHARACTER.finditer(written):
        line.append(match[0])
        if json.loads(f'"{match[0]}"') == "\n":
            ends = line[-2:] if line[-2:-1] == ["\\r"] else line[-1:]
            _remember(found, line[: -len(ends)], "".join(ends))
            line = []
    _remember(found, line, "")
    return found


def _remember(found: dict[str, tuple[str, str]], line: list[str], ends: str) -> None:
    written = "".join(line)
    said = json.loads(f'"{written}"')
    if ends or said not in found:
        found[said] = (written, ends)


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
