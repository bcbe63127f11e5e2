"""The timeline of a release: stages, their runbooks, and what people said in between, on one scale.

A release that waited two days for an approval has its minutes of work in a sliver of that time. So
the scale leaves most of each long wait out; the row of the decision says how long it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from nbrelease.records import Decision, ReleaseRecord, RunbookResult, Stage
from nbrelease.report import charts

BY_HAND = "by hand"
WAIT = 0.08
"""The longest wait on the scale, as a share of the time in which something ran."""


@dataclass(frozen=True)
class Row:
    """A row of the timeline. ``kind`` is ``stage``, ``runbook`` or ``decision``."""

    kind: str
    name: str
    result: str | None
    started: datetime | None
    seconds: float | None
    cells: str = ""
    span: Any = ""


class _Axis:
    """Where a moment lies between 0 and 1."""

    def __init__(self, spans: Iterable[tuple[datetime, datetime]]) -> None:
        busy: list[tuple[datetime, datetime]] = []
        for start, end in sorted(spans):
            if busy and start <= busy[-1][1]:
                busy[-1] = (busy[-1][0], max(end, busy[-1][1]))
            else:
                busy.append((start, end))
        worked = sum((end - start).total_seconds() for start, end in busy) or 1.0
        at, self._knots = 0.0, [(busy[0][0], 0.0)]
        for number, (start, end) in enumerate(busy):
            if number:
                wait = (start - busy[number - 1][1]).total_seconds()
                at += min(wait, WAIT * worked)
                self._knots.append((start, at))
            at += (end - start).total_seconds()
            self._knots.append((end, at))
        self._total = at or 1.0

    def at(self, time: datetime) -> float:
        """The share of the whole at which ``time`` lies."""
        for (start, low), (end, high) in pairwise(self._knots):
            if time <= end:
                whole = (end - start).total_seconds() or 1.0
                part = max((time - start).total_seconds(), 0) / whole
                return (low + part * (high - low)) / self._total
        return 1.0


def timeline(record: ReleaseRecord) -> list[Row]:
    """The rows, in the order of the pipeline; none where nothing was run."""
    timed: list[Stage | RunbookResult] = [*record.stages, *record.runbooks]
    spans = [(each.started, each.ended or each.started) for each in timed if each.started]
    if not spans:
        return []
    axis = _Axis(spans)
    rows, open_decisions = [], list(record.decisions)
    for stage in record.stages:
        for decision in [each for each in open_decisions if each.stage == stage.name]:
            open_decisions.remove(decision)
            rows.append(_decision(decision, spans, axis))
        rows.append(_stage(stage, axis))
        for result in sorted(record.runbooks, key=lambda each: each.started):
            if (result.stage or BY_HAND) == stage.name:
                rows.append(_runbook(result, axis))
    return [*rows, *(_decision(each, spans, axis) for each in open_decisions)]


def _span(axis: _Axis, start: datetime | None, end: datetime | None, kind: str) -> Any:
    return charts.span(axis.at(start), axis.at(end or start), kind) if start else ""


def _stage(stage: Stage, axis: _Axis) -> Row:
    span = _span(axis, stage.started, stage.ended, "part")
    return Row("stage", stage.name, stage.result, stage.started, stage.seconds, span=span)


def _runbook(result: RunbookResult, axis: _Axis) -> Row:
    done = sum(cell.state == "passed" for cell in result.cells)
    kind = "go" if result.verdict == "passed" else "stop"
    return Row(
        "runbook",
        result.name,
        result.verdict,
        result.started,
        result.seconds,
        cells=f"{done} / {len(result.cells)}",
        span=_span(axis, result.started, result.ended, kind),
    )


def _decision(decision: Decision, spans: list[tuple[datetime, datetime]], axis: _Axis) -> Row:
    """What somebody said, and how long it was waited for: since the last work before it ended."""
    before = [end for _, end in spans if end <= decision.time]
    asked = max(before, default=decision.time)
    return Row(
        "decision",
        f"{decision.environment}: {decision.name}",
        decision.decision,
        decision.time,
        (decision.time - asked).total_seconds(),
        span=_span(axis, asked, decision.time, "hold"),
    )
