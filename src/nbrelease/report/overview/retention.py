"""Retention: the date until which the previous deployment is kept for a rollback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from nbrelease.report.headline import traffic_share
from nbrelease.report.overview._facts import Box, Fact, FactWriter


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    lead, details = _retention(writer)
    label = _("Retention")
    return Box("retention", label, lead, [*details, *_waiver(writer)])


def _retention(writer: FactWriter) -> tuple[Fact, list[Fact]]:
    record, rollback = writer.record, writer.record.rollback
    if rollback is not None and rollback.keep_until is not None:
        return _kept_until(writer, rollback.keep_until, "rollback", rollback.origin)
    if record.keep_previous_until is not None and record.verdict != "rolled back":
        until, previous = record.keep_previous_until, record.previous_deployment
        return _kept_until(writer, until, "keep_previous_until", previous)
    if record.waiting_for:
        return writer.fact("nothing-replaced-yet", "No deployment replaced yet"), []
    if record.verdict == "rolled back" or not traffic_share(record) or _is_first(writer):
        return writer.fact("nothing-replaced", "Not applicable: no deployment replaced"), []
    unknown = writer.fact("not-recorded", "Not recorded")
    if record.previous_deployment:
        return unknown, []
    return unknown, [writer.fact("no-previous", "The record names no previous deployment.")]


def _kept_until(
    writer: FactWriter, day: date, source: str, deployment: str | None
) -> tuple[Fact, list[Fact]]:
    until = writer.linked(source, f"{day:%Y-%m-%d}")
    lead = writer.fact("kept-until", "Kept until %(day)s", day=until)
    if not deployment:
        return lead, []
    return lead, [writer.fact("kept", "%(name)s stays deployed with 0 %% traffic", name=deployment)]


def _is_first(writer: FactWriter) -> bool:
    """Whether the comparison looked for a champion and there was no deployment before."""
    comparison = writer.record.comparison
    return (
        comparison is not None
        and comparison.champion is None
        and not writer.record.previous_deployment
    )


def _waiver(writer: FactWriter) -> Iterator[Fact]:
    gate = writer.record.gate
    if gate is not None and gate.waiver is not None:
        day = f"{gate.waiver.until:%Y-%m-%d}"
        yield writer.fact("waiver-until", "The waiver ends on %(day)s", day=day)
