"""The overview at the top of a report: six labelled boxes that are made from the record alone."""

from __future__ import annotations

from nbrelease.records import ReleaseRecord
from nbrelease.report.overview import approvals, changes, quality, retention, rollback, tests
from nbrelease.report.overview._facts import Box, Fact, FactWriter
from nbrelease.report.translations import Translate

__all__ = ["Box", "Fact", "overview"]

BOXES = (changes, quality, tests, approvals, rollback, retention)


def overview(record: ReleaseRecord, translate: Translate) -> list[Box]:
    """The six boxes, in the order of the page."""
    writer = FactWriter(record, translate)
    return [module.box(writer) for module in BOXES]
