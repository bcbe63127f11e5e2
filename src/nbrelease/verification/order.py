"""Check of the order in time.

The order of runbooks follows from their values: a runbook that was run with a published value
cannot have started before the runbook that published it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from nbrelease.attestation.problem import Problem
from nbrelease.records import (
    Decision,
    ReleaseRecord,
    RunbookResult,
)
from nbrelease.settings.keys import Environment
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, passed_unless

# Values are published with whole seconds, runbooks' times with fractions.
SECOND = timedelta(seconds=1)
EXACT = 0.01
CLOCK = "the clock went back, or the times were changed"
SETTINGS = frozenset(Environment.model_fields)


def order(pack: Pack) -> Result:
    """Start < training < tests < approval < traffic, as far as the release came."""
    record = pack.record
    problems = [*_runbooks(record), *_stages(record), *_decisions(record), *_traffic(record)]
    for runbook in record.runbooks:
        problems += _cells(runbook, pack.notebooks[runbook.name])
    start = f"{record.started:%Y-%m-%d %H:%M:%S}"
    end = f" to {record.ended:%H:%M:%S} UTC" if record.ended else " UTC"
    counts = f"{len(record.runbooks)} runbooks, {len(record.decisions)} decisions"
    return passed_unless(problems, f"{start}{end}: {counts} in order")


def _runbooks(record: ReleaseRecord) -> Iterator[Problem]:
    """Of several runbooks that published a value one is enough: another was perhaps retried."""
    publishers: dict[str, list[RunbookResult]] = {}
    for runbook in record.runbooks:
        if runbook.started < record.started:
            yield Problem("NBV401", f"{runbook.name} started before the release: {CLOCK}")
        yield from _duration(runbook)
        late = {
            sources[-1].name
            for name in runbook.parameters
            if name not in SETTINGS  # settings.ini sets it too
            and (sources := publishers.get(name))
            and not any(each.ended and each.ended <= runbook.started for each in sources)
        }
        for source in sorted(late):
            yield Problem(
                "NBV402", f"{runbook.name} started before the end of {source}, whose values it has"
            )
        for name in runbook.values:
            publishers.setdefault(name, []).append(runbook)


def _duration(runbook: RunbookResult) -> Iterator[Problem]:
    if runbook.ended is None:
        return
    seconds = (runbook.ended - runbook.started).total_seconds()
    if seconds < 0:
        yield Problem("NBV403", f"{runbook.name} ended before it started: {CLOCK}")
    elif abs(seconds - (runbook.seconds or 0)) > EXACT:
        yield Problem("NBV404", f"{runbook.name}: seconds differ from its start and end")


def _stages(record: ReleaseRecord) -> Iterator[Problem]:
    for stage in record.stages:
        if stage.started and stage.ended and stage.ended < stage.started:
            yield Problem("NBV405", f"stage {stage.name} ended before it started: {CLOCK}")
        for runbook in record.runbooks:
            if runbook.stage != stage.name or not stage.started:
                continue
            if runbook.started < stage.started or (
                stage.ended and runbook.ended and runbook.ended > stage.ended
            ):
                yield Problem("NBV406", f"{runbook.name} ran outside its stage {stage.name}")


def _decisions(record: ReleaseRecord) -> Iterator[Problem]:
    for each in record.decisions:
        if each.time < record.started:
            yield Problem(
                "NBV407",
                f"decision of {each.name} on {each.environment} before the release started",
            )
        yield from _decision(each, record)


def _decision(decision: Decision, record: ReleaseRecord) -> Iterator[Problem]:
    """A decision comes after the earlier stages and before its own stage starts."""
    names = [stage.name for stage in record.stages]
    before = names[: names.index(decision.stage)] if decision.stage in names else []
    who = f"decision of {decision.name} on {decision.environment}"
    for runbook in record.runbooks:
        if runbook.stage == decision.stage and decision.decision == "rejected":
            yield Problem(
                "NBV408", f"{runbook.name} ran although {decision.name} rejected its stage"
            )
        elif runbook.stage == decision.stage and runbook.started < decision.time:
            yield Problem("NBV409", f"{who} after {runbook.name} started")
        elif runbook.stage in before and runbook.ended and decision.time < runbook.ended:
            yield Problem("NBV410", f"{who} before {runbook.name} ended")


def _traffic(record: ReleaseRecord) -> Iterator[Problem]:
    steps = [step.time for step in record.rollout or []]
    if steps != sorted(steps):
        yield Problem("NBV411", "the steps of the rollout are not in chronological order")
    moments = [("rollout", time) for time in steps]
    for name in ("rollback", "rollback_drill"):
        if (event := getattr(record, name)) is not None:
            moments.append((name, event.time))
    for name, time in moments:
        runbook = next((each for each in record.runbooks if name in each.values), None)
        if runbook is not None and not _within(time, runbook):
            what = f"{name.replace('_', ' ')} at {time:%H:%M:%S}"
            yield Problem("NBV412", f"{what}, when {runbook.name} did not run")


def _within(time: datetime, runbook: RunbookResult) -> bool:
    end = runbook.ended or time
    return runbook.started - SECOND <= time <= end + SECOND


def _cells(runbook: RunbookResult, content: Mapping[str, Any]) -> Iterator[Problem]:
    """Cells were executed one after the other, between start and end of the runbook."""
    last, before = runbook.started, "its start"
    for cell in content["cells"]:
        times = cell.get("metadata", {}).get("papermill", {})
        if not times.get("start_time") or not times.get("end_time"):
            continue
        started, ended = (datetime.fromisoformat(times[key]) for key in ("start_time", "end_time"))
        if started < last:
            yield Problem("NBV413", f"{runbook.name}: cell {cell['id']} started before {before}")
        if ended < started:
            what = f"{runbook.name}: cell {cell['id']} ended before it started"
            yield Problem("NBV414", f"{what}: {CLOCK}")
        last, before = ended, f"the end of cell {cell['id']}"
    if runbook.ended is not None and last > runbook.ended:
        yield Problem("NBV415", f"{runbook.name} ended before {before}")
