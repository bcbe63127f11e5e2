"""The verdict of a release and its reason, in one line each; made from the record alone."""

from __future__ import annotations

from nbrelease.records import ReleaseRecord
from nbrelease.records.verdict import REASONS
from nbrelease.report import criteria
from nbrelease.report.labels import state_name
from nbrelease.report.tasks import SliceNames
from nbrelease.report.translations import Translate

# Reasons that start with a word, not with a name that is kept as it is.
SENTENCES = {code for code, text in REASONS.items() if not text.startswith("%")}


def reason(record: ReleaseRecord, _: Translate) -> str:
    """Why a release did not pass, in the page's language; empty if it passed."""
    if record.because is None:
        return record.reason or ""
    values = {
        name: state_name(text, _) if name == "verdict" else text
        for name, text in record.because.about.items()
    }
    if record.because.code == "gate" and record.gate is not None:
        return criteria.describe_missed(record.gate, _, SliceNames(record.comparison, _))
    text = _(REASONS[record.because.code]) % values
    comment = record.because.about.get("comment")
    text = f"{text}: {comment}" if comment else text
    return text[:1].upper() + text[1:] if record.because.code in SENTENCES else text


def headline(record: ReleaseRecord, _: Translate) -> str:
    """The verdict of a release in one line."""
    code, values = (record.because.code, record.because.about) if record.because else ("", {})
    if record.verdict == "rejected" and code == "rejected":
        return _("Rejected by %(name)s") % values
    if record.verdict == "rolled back" and code == "rolled back":
        return _("Rolled back to %(to)s") % values
    if record.verdict == "rolled back":
        return _("Rolled back: a rollout limit was exceeded")
    if code == "traffic left":
        return _("Rollout stopped, the traffic was left unchanged")
    if code == "no traffic given":
        return _("Rollout stopped before the deployment received traffic")
    if record.verdict == "failed" and code == "gate":
        return _("Release criteria not met in %(runbook)s") % values
    if record.verdict == "failed" and "runbook" in values:
        return _("Failed in %(runbook)s") % values
    if record.verdict == "passed":
        return _headline_of_passed(record, _)
    if record.verdict == "open" and record.waiting_for:
        return _("Waiting for approval: %(environment)s") % {"environment": record.waiting_for}
    return {
        "rejected": _("Not approved"),
        "interrupted": _("Interrupted"),
        "failed": _("Failed"),
    }.get(record.verdict, _("In progress"))


def _headline_of_passed(record: ReleaseRecord, _: Translate) -> str:
    online, share = record.endpoints.online, traffic_share(record)
    values = {"env": record.env, "share": str(share)}
    if record.model is None and online is not None and share:
        return _("Deployment %(name)s receives %(share)s %% of the traffic in %(env)s") % {
            **values,
            "name": online.deployment,
        }
    if record.model is None:
        return _("No model registered")
    values |= {"model": record.model.name, "version": record.model.version}
    if share:
        return (
            _("%(model)s version %(version)s receives %(share)s %% of the traffic in %(env)s")
            % values
        )
    return _("%(model)s version %(version)s is registered, no traffic was moved") % values


def traffic_share(record: ReleaseRecord) -> int:
    """The share of the traffic, in percent, that the new deployment has at the end."""
    online = record.endpoints.online
    return (online.traffic or {}).get(online.deployment, 0) if online else 0
