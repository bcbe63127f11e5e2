"""What can be wrong with exported code that a notebook runs happily."""

from __future__ import annotations

from nbrelease.export.checks import leftovers, secrets, state
from nbrelease.export.source import Source


def run(source: Source) -> None:
    """Look at the whole notebook; findings are in the order of its cells afterwards."""
    for check in (leftovers.check, state.check, secrets.check):
        check(source)
    places = {cell.cell.id: index for index, cell in enumerate(source.cells)}
    source.found.sort(key=lambda each: (places.get(each.cell, -1), each.line, each.column))
