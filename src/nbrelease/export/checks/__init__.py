"""What can be wrong with exported code that a notebook runs happily."""

from __future__ import annotations

from nbrelease.export.checks import leftovers, secrets, state
from nbrelease.export.source import Source


def run(source: Source) -> None:
    """Look at the whole notebook."""
    for check in (leftovers.check, state.check, secrets.check):
        check(source)
