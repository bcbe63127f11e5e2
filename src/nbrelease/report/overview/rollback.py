"""Rollback: how to roll back, how long it took when it was tested, or that it was done."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.report import formats
from nbrelease.report.headline import traffic_share
from nbrelease.report.labels import Tone
from nbrelease.report.overview._facts import Box, Fact, FactWriter


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    record = writer.record
    tone: Tone = ""
    because = record.because.code if record.because else ""
    if record.verdict == "rolled back" and because:
        lead, details = _completed(writer)
    elif because == "traffic left":
        lead, details = _manual(writer)
        tone = "bad"
    elif not traffic_share(record):
        lead, details = _not_needed(writer)
    elif record.previous_deployment:
        lead, details = _to_previous(writer, record.previous_deployment)
    elif len(_traffic(writer)) > 1:
        lead = writer.fact("to-other", "Move the traffic to the other deployment")
        details = [_traffic_fact(writer)]
    else:
        lead = writer.fact("no-previous", "Not possible: no previous deployment")
        details = []
    label = _("Rollback")
    return Box("rollback", label, lead, [*details, *_steps(writer)], tone)


def _completed(writer: FactWriter) -> tuple[Fact, list[Fact]]:
    record = writer.record
    to = record.rollback.to if record.rollback else record.previous_deployment
    lead = writer.fact("done", "Rolled back")
    if to:
        lead = writer.fact("done", "Rolled back to %(name)s", name=to)
    if record.rollback is None or record.rollback.seconds is None:
        return lead, []
    time = writer.linked("rollback", formats.duration(record.rollback.seconds))
    return lead, [writer.fact("duration", "Duration: %(time)s", time=time)]


def _manual(writer: FactWriter) -> tuple[Fact, list[Fact]]:
    lead = writer.fact("manual", "Manual: the traffic was not rolled back")
    return lead, [_traffic_fact(writer)] if _traffic(writer) else []


def _not_needed(writer: FactWriter) -> tuple[Fact, list[Fact]]:
    interrupted = [
        writer.fact(
            "interrupted", "%(name)s was interrupted: its operations may be incomplete.",
            name=each.name,
        )
        for each in writer.record.runbooks
        if each.ended is None
    ]  # fmt: skip
    moved = writer.fact("no-traffic-moved", "No traffic was moved.")
    return writer.fact("not-needed", "Not needed"), [moved, *interrupted]


def _to_previous(writer: FactWriter, previous: str) -> tuple[Fact, list[Fact]]:
    import markupsafe

    record = writer.record
    name = writer.linked("previous_deployment", previous)
    model = f" --model {record.settings_model}" if record.settings_model else ""
    command = markupsafe.Markup("<code>nbrelease run 09_rollback --env {}{}</code>")
    details = [Fact("command", command.format(record.env, model))]
    if record.rollback_drill is not None:
        drill = record.rollback_drill
        details.append(
            writer.fact(
                "tested", "Tested at %(time)s, duration %(duration)s",
                time=formats.utc_unbroken(drill.time),
                duration=writer.linked("rollback_drill", formats.duration(drill.seconds)),
            )
        )  # fmt: skip
    return writer.fact("to-previous", "Roll back to %(name)s", name=name), details


def _steps(writer: FactWriter) -> Iterator[Fact]:
    record = writer.record
    online = record.endpoints.online
    name = online.deployment if online else ""
    shares = [step.traffic.get(step.deployment or name, 0) for step in record.rollout or ()]
    if any(shares) and record.verdict != "rolled back":
        steps = writer.linked("rollout", " → ".join(map(str, shares)))
        yield writer.fact("traffic-steps", "Traffic steps: %(steps)s %%", steps=steps)


def _traffic(writer: FactWriter) -> dict[str, int]:
    online = writer.record.endpoints.online
    return (online.traffic if online else None) or {}


def _traffic_fact(writer: FactWriter) -> Fact:
    parts = [f"{name} {share}\N{NO-BREAK SPACE}%" for name, share in _traffic(writer).items()]
    return Fact("traffic", ", ".join(parts))
