"""What became of a release, and why, in one line each; made from the record alone."""

from __future__ import annotations

from collections.abc import Callable

from nbrelease.evidence import pages_jinja as forms
from nbrelease.evidence.summary import REASONS
from nbrelease.records import ReleaseRecord

Translate = Callable[[str], str]


def reason(record: ReleaseRecord, _: Translate) -> str:
    """Why a release is not green, in the page's language."""
    if record.because is None:
        return record.reason or ""
    about = {
        name: _(text) if name == "verdict" else text for name, text in record.because.about.items()
    }
    if record.because.code == "gate":
        about["why"] = forms.with_names(about["why"], _)
    said = _(REASONS[record.because.code]) % about
    comment = record.because.about.get("comment")
    return f"{said}: {comment}" if comment else said


def headline(record: ReleaseRecord, _: Translate) -> str:
    """What became of the release, in one line."""
    because = record.because
    if record.verdict == "rejected" and because and because.code == "rejected":
        return _("%(name)s said no") % because.about
    if record.verdict == "rolled back" and because:
        if because.code == "rolled back":
            return _("Traffic is back on %(to)s") % because.about
        return _("Rolled back: a limit was not kept during the rollout")
    if record.verdict == "failed" and because and "runbook" in because.about:
        text = (
            "The gate said no in %(runbook)s" if because.code == "gate" else "Failed in %(runbook)s"
        )
        return _(text) % because.about
    if record.verdict == "passed":
        return _passed(record, _)
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
