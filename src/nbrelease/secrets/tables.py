"""Values of named secrets in tables: in the next cell, or in the column below the name.

Tables are HTML (pandas), Markdown or a console's (with bars), tab- or comma-separated, or text in
aligned columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CELL_END = re.compile(r"\s*(?:</\w+>\s*)*?</t[dh]>", re.IGNORECASE)
_NEXT_CELL = re.compile(r"\s*<td\b[^>]*>\s*(?:<\w+[^>]*>\s*)*(?P<value>[^<]+)", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^>]*>\s*(?:<(?!/?t[dhr]\b)[^>]*>\s*)*(?P<value>[^<]*)", re.IGNORECASE)
_ROW = re.compile(r"<tr\b.*?(?:</tr>|(?=<tr\b)|\Z)", re.IGNORECASE | re.DOTALL)
_RULE = re.compile(r"[\s|+:=\-─━┼├┤│┃╪╞╡═╇┡┩╋]*[-─━═][\s|+:=\-─━┼├┤│┃╪╞╡═╇┡┩╋]*")
_HEADING = re.compile(r"\s*[\"']?[\w .()#/-]{0,40}[\"']?\s*")
_NEXT_TEXT = re.compile(r" {2,}(\S+(?: \S+)*)")
_TOKEN = re.compile(r"(?![\w.]+[=:(])\S+")
_HEADER = re.compile(r"(?=.*  )[ ]*[\w.#-]+(?:[ ]+[\w.#-]+)*[ ]*")
_LITERAL = "\v"
"""In front of a new line that is escaped: the line is in a literal of code."""
_ESCAPES = {"\\n": f"{_LITERAL}\n", "\\t": "\t ", "&lt;": "   <", "&gt;": ">   "}
_CODE = "()[]{}="
_BARS = "|│┃"
_MAX_WORDS = 3
"""A name in a cell, such as ``Secret access key``; more words are prose."""
_MAX_ROWS = 10_000
_MAX_LINE = 1_000
"""Longer lines are minified code rather than rows of a table."""

Span = tuple[int, int]


def values_in_table(text: str, end: int) -> Iterator[Span]:
    """The (start, end) of the cells that a name belongs to, if it is a cell of a table.

    Args:
        text: a text that :func:`as_table` returned.
        end: the end of the name.
    """
    closing = _CELL_END.match(text, end)
    if closing:
        if len(text[text.rfind(">", max(0, end - _MAX_LINE), end) + 1 : end].split()) > _MAX_WORDS:
            return
        yield from _html(text, end, closing.end())
        return
    start = _line_start(text, end)
    stop, _ = _line_end(text, end)
    if stop - start > _MAX_LINE:
        return
    if text.startswith(_LITERAL, stop):
        start = _after_quote(text, start, end)
    stop = _before_quote(text, start, stop)
    after = text[end:stop]
    quoted = after[1:] if after[:1] in "\"'" and after else after
    bar = after.lstrip(" ")[:1]
    if bar and bar in _BARS:
        yield from _bars(text, start, end, stop)
    elif quoted[:1] in ("\t", ",", ";"):
        yield from _find_in_separated_row(text, start, end, stop, quoted[0])
    elif not quoted.strip() or after.startswith(" "):
        before = text[start:end]
        separators = [each for each in "\t,;" if each in before]
        if not quoted.strip() and any(each in before for each in _BARS):
            yield from _bars(text, start, end, stop)
        elif separators and not quoted.strip():
            yield from _find_in_separated_row(text, start, end, stop, separators[0])
        elif not separators:
            yield from _find_in_aligned_row(text, start, end, stop)


def is_cell_of_html(text: str, end: int) -> bool:
    """Whether a name that ends at ``end`` ends a cell of an HTML table."""
    return _CELL_END.match(text, end) is not None


def _html(text: str, end: int, closed: int) -> Iterator[Span]:
    following = _NEXT_CELL.match(text, closed)
    if following:
        yield _strip(text, *following.span("value"))
    row = text.rfind("<tr", 0, end)
    table = max(text.rfind("<table", 0, end), 0)
    before = text[table:row]
    if row < 0 or ("</tr>" in before and ("<tbody" in before or "<thead" not in before)):
        return  # not a row of names
    column = len(_CELL.findall(text[row:end]))
    table_end = text.find("</table", end)
    table_end = len(text) if table_end < 0 else table_end
    next_row = text.find("<tr", end)
    if next_row < 0 or next_row > table_end:
        return
    for number, match in enumerate(_ROW.finditer(text, next_row, table_end)):
        if number > _MAX_ROWS:
            return
        cells = list(_CELL.finditer(text, *match.span()))
        if len(cells) >= column:
            yield _strip(text, *cells[column - 1].span("value"))


def _bars(text: str, start: int, end: int, stop: int) -> Iterator[Span]:
    cells = _split(text, start, stop, _BARS)
    index = next((n for n, (a, b) in enumerate(cells) if a <= end <= b), None)
    if index is None:
        return
    lines = _lines_after(text, stop)
    first = next(lines, None) if text[stop : stop + 1] in ("\n", _LITERAL) else None
    if first and _RULE.fullmatch(text, *first):
        for line in lines:
            below = _split(text, line[0], _before_quote(text, *line), _BARS)
            if len(below) != len(cells):
                if _RULE.fullmatch(text, *line):
                    continue
                return
            yield below[index]
    elif index + 1 < len(cells):
        yield cells[index + 1]


def _find_in_separated_row(
    text: str, start: int, end: int, stop: int, separator: str
) -> Iterator[Span]:
    cells = _split(text, start, stop, separator)
    index = next((n for n, (a, b) in enumerate(cells) if a <= end <= b), None)
    if index is None or sum(a < b for a, b in cells) < 2:
        return
    is_header = all(_HEADING.fullmatch(text, *cell) for cell in cells)
    in_row = index + 1 < len(cells) and (index == 0 or not is_header)
    if in_row and not any(char in _CODE for char in text[start : cells[index + 1][1]]):
        yield cells[index + 1]
    if not is_header:
        return
    for line in _lines_after(text, stop):
        below = _split(text, line[0], _before_quote(text, *line), separator)
        if len(below) != len(cells):
            return
        yield below[index]


def _find_in_aligned_row(text: str, start: int, end: int, stop: int) -> Iterator[Span]:
    following = _NEXT_TEXT.match(text, end, stop)
    if following:
        yield following.span(1)
    start = _after_quote(text, start, end)
    if not _HEADER.fullmatch(text, start, stop):
        return
    left = len(text[start:end]) - len(re.split(r"\s", text[start:end])[-1])
    right = end - start
    for first, last in _lines_after(text, stop):
        if not text[first:last].strip(" \0"):
            return
        for token in _TOKEN.finditer(text, first, _before_quote(text, first, last)):
            if token.end() - first == right or token.start() - first == left:
                yield token.span()


def _lines_after(text: str, stop: int) -> Iterator[Span]:
    """The (start, end) of the lines after the one that ends at ``stop``."""
    for _ in range(_MAX_ROWS):
        _, start = _line_end(text, stop)
        if start >= len(text):
            return
        stop, _ = _line_end(text, start)
        yield start, stop


def _line_start(text: str, place: int) -> int:
    first = max(0, place - _MAX_LINE - 2)
    return max(first, text.rfind("\n", first, place) + 1, text.rfind(">", first, place) + 1)


def _line_end(text: str, place: int) -> Span:
    """The end of a line, and the start of the next; a tag of HTML ends it too."""
    stop = text.find("\n", place, place + _MAX_LINE)
    stop = min(place + _MAX_LINE, len(text)) if stop < 0 else stop
    following = stop + 1
    tag = text.find("<", place, stop)
    stop = stop if tag < 0 else tag
    return stop - text.endswith(_LITERAL, place, stop), following


def _split(text: str, start: int, stop: int, separators: str) -> list[Span]:
    """The cells of a line, without blanks and quotes around them."""
    cells, at = [], start
    for place in range(start, stop):
        if text[place] in separators:
            cells.append(_strip(text, at, place))
            at = place + 1
    return [*cells, _strip(text, at, stop)]


def _after_quote(text: str, start: int, end: int) -> int:
    return max(start, *(text.rfind(quote, start, end) + 1 for quote in "\"'"))


def _before_quote(text: str, start: int, stop: int) -> int:
    """The end of a line of a literal."""
    if text[start - 2 : start - 1] != _LITERAL:
        return stop
    return min([stop, *(at for quote in "\"'" if (at := text.find(quote, start, stop)) >= 0)])


def _strip(text: str, start: int, stop: int) -> Span:
    while start < stop and (text[start].isspace() or text[start] in "\"'"):
        start += 1
    while stop > start and (text[stop - 1].isspace() or text[stop - 1] in "\"'"):
        stop -= 1
    return start, stop


def as_table(text: str) -> str:
    """The text with escapes of lines, tabs and tags replaced, in the same length."""
    for escape, char in _ESCAPES.items():
        text = text.replace(escape, char)
    return text
