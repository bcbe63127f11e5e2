"""The timeline of a release: stages, their runbooks and the decisions in between, on one scale.

A release that waited two days for an approval has minutes of work. So the scale shortens each long
wait; the row of the decision has its real duration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from nbrelease.records import Decision, ReleaseRecord, RunbookResult, Stage
from nbrelease.report import svg

MANUAL_STAGE = "by hand"
MAX_WAIT = 0.08
"""The longest wait on the scale, as a share of the time in which something ran."""

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class Row:
    """A row of the timeline; ``bar`` is its bar as SVG."""

    kind: Literal["stage", "runbook", "decision"]
    name: str
    result: str | None
    started: datetime | None
    seconds: float | None
    cells: str = ""
    bar: Any = ""


@dataclass(frozen=True)
class Timeline:
    """The rows in the order of the pipeline, and when the release started and ended."""

    rows: list[Row]
    started: datetime
    ended: datetime | None


class _Scale:
    """Maps a time to its position between 0 and 1."""

    def __init__(self, periods: Iterable[Period]) -> None:
        busy: list[Period] = []
        for start, end in sorted(periods):
            if busy and start <= busy[-1][1]:
                busy[-1] = (busy[-1][0], max(end, busy[-1][1]))
            else:
                busy.append((start, end))
        worked = sum((end - start).total_seconds() for start, end in busy) or 1.0
        at, self._knots = 0.0, [(busy[0][0], 0.0)]
        for number, (start, end) in enumerate(busy):
            if number:
                wait = (start - busy[number - 1][1]).total_seconds()
                at += min(wait, MAX_WAIT * worked)
                self._knots.append((start, at))
            at += (end - start).total_seconds()
            self._knots.append((end, at))
        self._total = at or 1.0

    def position(self, time: datetime) -> float:
        """The position of ``time``."""
        for (start, low), (end, high) in pairwise(self._knots):
            if time <= end:
                whole = (end - start).total_seconds() or 1.0
                part = max((time - start).total_seconds(), 0) / whole
                return (low + part * (high - low)) / self._total
        return 1.0

    def bar(self, start: datetime | None, end: datetime | None, kind: str) -> Any:
        """A bar from ``start`` to ``end``; empty without a start."""
        if start is None:
            return ""
        return svg.span(self.position(start), self.position(end or start), kind)


def timeline(record: ReleaseRecord) -> Timeline:
    """The timeline of a release; without rows if nothing ran."""
    timed: list[Stage | RunbookResult] = [*record.stages, *record.runbooks]
    periods = [(each.started, each.ended or each.started) for each in timed if each.started]
    started = min([record.started, *(start for start, _ in periods)])
    ended = max((each.ended for each in timed if each.ended), default=record.ended)
    rows = _rows(record, periods, _Scale(periods)) if periods else []
    return Timeline(rows, started, ended)


def _rows(record: ReleaseRecord, periods: list[Period], scale: _Scale) -> list[Row]:
    rows, decisions = [], list(record.decisions)
    for stage in record.stages:
        for decision in [each for each in decisions if each.stage == stage.name]:
            decisions.remove(decision)
            rows.append(_decision_row(decision, periods, scale))
        rows.append(_stage_row(stage, scale))
        for result in sorted(record.runbooks, key=lambda each: each.started):
            if (result.stage or MANUAL_STAGE) == stage.name:
                rows.append(_runbook_row(result, scale))
    return [*rows, *(_decision_row(each, periods, scale) for each in decisions)]


def _stage_row(stage: Stage, scale: _Scale) -> Row:
    bar = scale.bar(stage.started, stage.ended, "part")
    return Row("stage", stage.name, stage.result, stage.started, stage.seconds, bar=bar)


def _runbook_row(result: RunbookResult, scale: _Scale) -> Row:
    passed = sum(cell.state == "passed" for cell in result.cells)
    kind = "go" if result.verdict == "passed" else "stop"
    return Row(
        "runbook",
        result.name,
        result.verdict,
        result.started,
        result.seconds,
        cells=f"{passed} / {len(result.cells)}",
        bar=scale.bar(result.started, result.ended, kind),
    )


def _decision_row(decision: Decision, periods: list[Period], scale: _Scale) -> Row:
    """A decision and how long it took: since the last work before it ended."""
    ended_before = [end for _, end in periods if end <= decision.time]
    since = max(ended_before, default=decision.time)
    return Row(
        "decision",
        f"{decision.environment}: {decision.name}",
        decision.decision,
        decision.time,
        (decision.time - since).total_seconds(),
        bar=scale.bar(since, decision.time, "hold"),
    )
