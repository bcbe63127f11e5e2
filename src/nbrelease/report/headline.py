"""What became of a release, and why, in one line each; made from the record alone."""

from __future__ import annotations

from collections.abc import Callable

from nbrelease.records import ReleaseRecord
from nbrelease.records.criterion import AnyCriterion
from nbrelease.records.published import Gate
from nbrelease.records.verdict import REASONS
from nbrelease.report import templating as forms
from nbrelease.report.names import missed

Translate = Callable[[str], str]
# These begin with a word of ours, not with a name.
SENTENCES = {code for code, text in REASONS.items() if not text.startswith("%")}


def counts(gate: Gate, each: AnyCriterion) -> bool:
    """Whether a criterion can stop a release."""
    return not (each.relative and gate.champion == "report")


def reason(record: ReleaseRecord, _: Translate) -> str:
    """Why a release is not green, in the page's language."""
    if record.because is None:
        return record.reason or ""
    about = {
        name: _(text) if name == "verdict" else text for name, text in record.because.about.items()
    }
    if record.because.code == "gate" and record.gate is not None:
        counted = [e for e in record.gate.criteria if counts(record.gate, e) and not e.passed]
        return missed(counted, forms.figure, _)  # the headline says that it said no
    said = _(REASONS[record.because.code]) % about
    comment = record.because.about.get("comment")
    said = f"{said}: {comment}" if comment else said
    return said[:1].upper() + said[1:] if record.because.code in SENTENCES else said


def headline(record: ReleaseRecord, _: Translate) -> str:
    """What became of the release, in one line."""
    because = record.because
    if record.verdict == "rejected" and because and because.code == "rejected":
        return _("%(name)s said no") % because.about
    if record.verdict == "rolled back" and because:
        if because.code == "rolled back":
            return _("Traffic is back on %(to)s") % because.about
        return _("Rolled back: a limit was not kept during the rollout")
    if because and because.code == "traffic left":
        return _("Broken off in the rollout; the traffic was left as it is")
    if because and because.code == "no traffic given":
        return _("Stopped before it had any traffic")
    if record.verdict == "failed" and because and "runbook" in because.about:
        text = (
            "The gate said no in %(runbook)s" if because.code == "gate" else "Failed in %(runbook)s"
        )
        return _(text) % because.about
    if record.verdict == "passed":
        return _passed(record, _)
    if record.verdict == "open" and record.waiting_for:
        return _("Waits for a yes to %(environment)s") % {"environment": record.waiting_for}
    return {
        "rejected": _("Not approved"),
        "interrupted": _("Interrupted before its end"),
        "failed": _("Failed"),
    }.get(record.verdict, _("Not finished yet"))


def _passed(record: ReleaseRecord, _: Translate) -> str:
    online = record.endpoints.online
    if record.model is None and online is not None and share(record):
        known = {"name": online.deployment, "share": str(share(record)), "env": record.env}
        return _("Deployment %(name)s has %(share)s %% of the traffic of %(env)s") % known
    if record.model is None:
        return _("Nothing was registered")
    about = {
        "model": record.model.name, "version": record.model.version, "env": record.env,
        "share": str(share(record)),
    }  # fmt: skip
    if share(record):
        return _("%(model)s version %(version)s has %(share)s %% of the traffic of %(env)s") % about
    return _("%(model)s version %(version)s is registered; no traffic was moved") % about


def share(record: ReleaseRecord) -> int:
    """The share of the traffic, in percent, that the new deployment has at the end."""
    online = record.endpoints.online
    return (online.traffic or {}).get(online.deployment, 0) if online else 0
