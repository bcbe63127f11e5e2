"""Checks of code that runs in a notebook but not in a module."""

from __future__ import annotations

from nbrelease.export.checks import name_scopes, notebook_only, secrets
from nbrelease.export.source import Source


def run(source: Source) -> None:
    """Run all checks on a notebook."""
    for check in (notebook_only.check, name_scopes.check, secrets.check):
        check(source)
