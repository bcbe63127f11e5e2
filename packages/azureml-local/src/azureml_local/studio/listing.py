"""Lists: search, filters, sorting and pages, all by the query parameters of an address.

An address with its parameters can be shared: it shows the same rows. Unknown parameters and values
have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlencode

PAGE_ROWS = 100
SEARCH, SORT, PAGE = "q", "sort", "page"
MAX_OPTIONS = 200
"""Further values of a filter are not offered, but work in an address."""

Row = TypeVar("Row")
SortKey = tuple[float, str]


def by_text(value: str | None) -> SortKey:
    """The sort key of a text, ignoring case."""
    return (0.0, (value or "").casefold())


def by_number(value: float | None) -> SortKey:
    """The sort key of a number; rows without one come first."""
    return (float("-inf") if value is None else float(value), "")


def by_version(text: str) -> SortKey:
    """The sort key of a version: numbers by their value, before texts."""
    return (float(text), "") if text.isascii() and text.isdigit() else (float("inf"), text)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: its title, and the sort key of a row; without one it cannot be sorted."""

    title: str
    name: str = ""
    key: Callable[[Row], SortKey] | None = None


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """A filter: its parameter and label, and the values of a row, one of which must be chosen."""

    name: str
    label: str
    values: Callable[[Row], Iterable[str]]


@dataclass(frozen=True)
class Switch(Generic[Row]):
    """A check box: its parameter and label, and the rows that remain if it is checked."""

    name: str
    label: str
    keep: Callable[[Sequence[Row]], Sequence[Row]]


@dataclass(frozen=True)
class Table(Generic[Row]):
    """How the rows of a list are searched, filtered and sorted.

    Attributes:
        columns: from left to right.
        search: the text of a row in which is searched.
        filters: of the form.
        switches: the check boxes of the form.
        sort: the name of the first sorting, with ``-`` for descending.
    """

    columns: Sequence[Column[Row]]
    search: Callable[[Row], str]
    filters: Sequence[Filter[Row]] = ()
    switches: Sequence[Switch[Row]] = ()
    sort: str = ""


@dataclass(frozen=True)
class Head:
    """The head of a column: its title, the address that sorts by it, and its ``aria-sort``."""

    title: str
    link: str = ""
    order: str = ""


@dataclass(frozen=True)
class Choice:
    """A filter in the form: its values, and the chosen one."""

    name: str
    label: str
    options: list[str]
    chosen: str


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """The rows of one page of a list, with its form and links.

    Attributes:
        rows: on this page.
        count: the rows that match.
        total: all rows.
        heads: of the columns.
        search: the text that is searched for.
        choices: the filters.
        switches: parameter, label and state of each check box.
        sort: the parameter of the sorting; empty if it is the default.
        page: the number of this page, from 1.
        pages: how many pages there are.
        previous: the address of the page before; empty on the first one.
        following: the address of the next page; empty on the last one.
    """

    rows: list[Row]
    count: int
    total: int
    heads: list[Head]
    search: str = ""
    choices: list[Choice] = field(default_factory=list)
    switches: list[tuple[str, str, bool]] = field(default_factory=list)
    sort: str = ""
    page: int = 1
    pages: int = 1
    previous: str = ""
    following: str = ""

    @property
    def filtered(self) -> bool:
        """Whether a search or filter is set."""
        chosen = any(each.chosen for each in self.choices)
        return bool(self.search or chosen or any(on for _, _, on in self.switches))


def list_rows(
    table: Table[Row], rows: Sequence[Row], parameters: Mapping[str, str]
) -> Listing[Row]:
    """The page of a list that an address shows."""
    search = parameters.get(SEARCH, "").strip()
    used = {SEARCH: search}
    matching = [row for row in rows if _matches(search, table.search(row))]
    choices = []
    for each in table.filters:
        chosen = parameters.get(each.name, "")
        options = sorted({value for row in rows for value in each.values(row) if value})
        if chosen:
            matching = [row for row in matching if chosen in each.values(row)]
            options = options if chosen in options[:MAX_OPTIONS] else [chosen, *options]
        choices.append(Choice(each.name, each.label, options[:MAX_OPTIONS], chosen))
        used[each.name] = chosen
    switches = []
    for switch in table.switches:
        is_on = parameters.get(switch.name) == "1"
        if is_on:
            remaining = {id(row) for row in switch.keep(rows)}
            matching = [row for row in matching if id(row) in remaining]
        switches.append((switch.name, switch.label, is_on))
        used[switch.name] = "1" if is_on else ""
    sort, matching = _sort(table, matching, parameters.get(SORT, ""))
    own_sort = sort if sort != table.sort else ""
    pages = max(1, -(-len(matching) // PAGE_ROWS))
    text = parameters.get(PAGE, "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    page = min(max(1, number), pages)

    def address(**changes: str) -> str:
        values = {**used, SORT: own_sort, **changes}
        return "?" + urlencode({key: value for key, value in values.items() if value})

    return Listing(
        matching[(page - 1) * PAGE_ROWS : page * PAGE_ROWS],
        len(matching),
        len(rows),
        [_head(column, sort, address) for column in table.columns],
        search,
        choices,
        switches,
        own_sort,
        page,
        pages,
        address(page=str(page - 1)) if page > 1 else "",
        address(page=str(page + 1)) if page < pages else "",
    )


def _matches(search: str, text: str) -> bool:
    """Whether a text has all words of a search, ignoring case."""
    return all(word in text.casefold() for word in search.casefold().split())


def _sort(table: Table[Row], rows: list[Row], desired: str) -> tuple[str, list[Row]]:
    """The sorting of the rows, and the rows in this order."""
    keys = {column.name: column.key for column in table.columns if column.key is not None}
    sort = desired if desired.removeprefix("-") in keys else table.sort
    key = keys.get(sort.removeprefix("-"))
    if key is None:
        return sort, rows
    return sort, sorted(rows, key=key, reverse=sort.startswith("-"))


def _head(column: Column[Row], sort: str, address: Callable[..., str]) -> Head:
    if column.key is None:
        return Head(column.title)
    is_sorted = sort.removeprefix("-") == column.name
    order = ("descending" if sort.startswith("-") else "ascending") if is_sorted else ""
    following = f"-{column.name}" if order == "ascending" else column.name
    return Head(column.title, address(sort=following), order)
