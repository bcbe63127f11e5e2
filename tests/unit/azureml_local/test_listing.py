"""Lists of the studio pages: search, filters, sorting and pages by query parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from azureml_local.studio.listing import (
    Column,
    Filter,
    Switch,
    Table,
    by_number,
    by_text,
    by_version,
    list_rows,
)


@dataclass
class Fruit:
    name: str
    weight: float | None
    tags: list[str] = field(default_factory=list)


FRUITS = [
    Fruit("Apple red", 3, ["round", "red"]),
    Fruit("banana", None, ["long"]),
    Fruit("Cherry", 1, ["round"]),
    Fruit("apple green", 2),
]
TABLE: Table[Fruit] = Table(
    [
        Column("Name", "name", lambda row: by_text(row.name)),
        Column("Weight", "weight", lambda row: by_number(row.weight)),
        Column("Tags"),
    ],
    lambda row: row.name,
    [Filter("tag", "Tag", lambda row: row.tags)],
    [Switch("light", "Light only", lambda rows: [row for row in rows if (row.weight or 9) < 3])],
    "-weight",
)


def _names(**parameters: str) -> list[str]:
    return [row.name for row in list_rows(TABLE, FRUITS, parameters).rows]


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({}, ["Apple red", "apple green", "Cherry", "banana"]),
        ({"sort": "name"}, ["apple green", "Apple red", "banana", "Cherry"]),
        ({"sort": "-name"}, ["Cherry", "banana", "Apple red", "apple green"]),
        ({"sort": "tags; drop table"}, ["Apple red", "apple green", "Cherry", "banana"]),
        ({"q": "APPLE"}, ["Apple red", "apple green"]),
        ({"q": " green  app "}, ["apple green"]),
        ({"tag": "round", "sort": "name"}, ["Apple red", "Cherry"]),
        ({"tag": "missing"}, []),
        ({"light": "1"}, ["apple green", "Cherry"]),
        ({"light": "yes", "tag": "long"}, ["banana"]),
        ({"page": "7"}, ["Apple red", "apple green", "Cherry", "banana"]),
        ({"page": "-1"}, ["Apple red", "apple green", "Cherry", "banana"]),
    ],
)
def test_search_filters_and_sorting(parameters, names):
    assert _names(**parameters) == names


def test_heads_link_to_the_other_order_and_keep_the_filters():
    listing = list_rows(TABLE, FRUITS, {"q": "a&b", "tag": "red", "sort": "name", "x": "y"})
    name, weight, tags = listing.heads
    assert (name.order, name.link) == ("ascending", "?q=a%26b&tag=red&sort=-name")
    assert (weight.order, weight.link) == ("", "?q=a%26b&tag=red&sort=weight")
    assert (tags.order, tags.link) == ("", "")
    assert listing.filtered
    assert (listing.count, listing.total) == (0, 4)
    assert listing.choices[0].options == ["long", "red", "round"]
    assert list_rows(TABLE, FRUITS, {"tag": "a"}).choices[0].options[0] == "a"
    assert not list_rows(TABLE, FRUITS, {"sort": "name"}).filtered


def test_more_than_100_rows_are_in_pages():
    rows = [Fruit(f"f{number}", number) for number in range(250)]
    first = list_rows(TABLE, rows, {"q": "f"})
    assert [row.name for row in first.rows][::99] == ["f249", "f150"]
    assert (first.page, first.pages, first.previous) == (1, 3, "")
    assert first.following == "?q=f&page=2"
    last = list_rows(TABLE, rows, {"sort": "weight", "page": "3"})
    assert [row.name for row in last.rows][::49] == ["f200", "f249"]
    assert (last.previous, last.following) == ("?sort=weight&page=2", "")


def test_versions_are_sorted_by_their_number():
    versions = ["10", "9", "2026-01", "1.5", "²"]
    assert sorted(versions, key=by_version) == ["9", "10", "1.5", "2026-01", "²"]
