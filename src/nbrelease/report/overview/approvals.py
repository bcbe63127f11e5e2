"""Approvals: who approved or rejected the release, and who waived its criteria."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.report import formats, labels
from nbrelease.report.labels import Tone
from nbrelease.report.overview._facts import Box, Fact, FactWriter


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    lead, tone = _lead(writer)
    details = [*_status(writer), *_decisions(writer), *_waiver(writer)]
    return Box("approvals", _("Approvals"), lead, details, tone)


def _lead(writer: FactWriter) -> tuple[Fact, Tone]:
    record = writer.record
    if record.waiting_for:
        return writer.fact(
            "waiting", "Waiting for approval: %(environment)s", environment=record.waiting_for
        ), "wait"
    for each in record.decisions:
        if each.decision == "rejected":
            return writer.fact("rejected", "Rejected by %(name)s", name=each.name), "bad"
    if record.decisions:
        names = ", ".join(dict.fromkeys(each.name for each in record.decisions))
        return writer.fact("approved", "Approved by %(name)s", name=names), "good"
    if record.decisions_unknown:
        return writer.fact("unknown", "Unknown"), "wait"
    if record.approval_rules.environments:
        return writer.fact("not-requested", "No approval requested"), ""
    return writer.fact("not-required", "No approval required"), ""


def _status(writer: FactWriter) -> Iterator[Fact]:
    if writer.record.decisions_unknown:
        yield Fact("unknown-reason", writer.record.decisions_unknown)
    if writer.record.waiting_for:
        yield writer.fact("nothing-without-approval", "Nothing changes without an approval.")
        yield writer.fact("earlier-approvals", "Earlier approvals are shown on the pipeline run.")


def _decisions(writer: FactWriter) -> Iterator[Fact]:
    for each in writer.record.decisions:
        yield writer.fact(
            "decision", "%(environment)s: %(decision)s by %(name)s, %(time)s%(comment)s",
            environment=each.environment,
            decision=writer.linked(
                "decisions", labels.state_name(each.decision, writer.translate)
            ),
            name=each.name,
            time=formats.utc_unbroken(each.time),
            comment=f': "{each.comment}"' if each.comment else "",
        )  # fmt: skip


def _waiver(writer: FactWriter) -> Iterator[Fact]:
    gate = writer.record.gate
    if gate is not None and gate.waiver is not None:
        yield writer.fact(
            "waiver", "Release criteria waived by %(name)s: %(reason)s",
            name=gate.waiver.name, reason=gate.waiver.reason,
        )  # fmt: skip
