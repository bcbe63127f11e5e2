"""The labels of codes on the pages, and the tones that colour them."""

from __future__ import annotations

from typing import Literal

from nbrelease.records.published import Direction, Interval
from nbrelease.report.translations import N_, Translate

Tone = Literal["good", "bad", "wait", ""]

STATES = {
    # verdicts of releases, runbooks and release criteria, states of cells
    "open": N_("in progress"),
    "passed": N_("passed"),
    "failed": N_("failed"),
    "check failed": N_("check failed"),
    "skipped": N_("skipped"),
    "not run": N_("not run"),
    "interrupted": N_("interrupted"),
    "rejected": N_("rejected"),
    "rolled back": N_("rolled back"),
    "waived": N_("waived"),
    "approved": N_("approved"),
    # results of stages
    "Succeeded": N_("succeeded"),
    "SucceededWithIssues": N_("succeeded with issues"),
    "Failed": N_("failed"),
    "Canceled": N_("canceled"),
    "Skipped": N_("skipped"),
    "Rejected": N_("rejected"),
    # decisions of the rollout
    "go on": N_("continue"),
    "done": N_("done"),
    "roll back": N_("roll back"),
    "leave as it is": N_("traffic left unchanged"),
    "give no traffic": N_("no traffic"),
    # later entries
    "drift report": N_("drift report"),
    "incident": N_("incident"),
    "rollback": N_("rollback"),
    "note": N_("note"),
    # kinds of workspaces
    "local": N_("local"),
    "azure": N_("Azure"),
    # stages without a pipeline
    "by hand": N_("manual"),
    # a pack of the site
    "unreadable": N_("unreadable"),
}
GOOD = {"passed", "approved", "Succeeded", "done", "go on"}
BAD = {
    "failed", "check failed", "Failed", "rejected", "Rejected", "roll back", "leave as it is",
    "give no traffic",
}  # fmt: skip


def state_name(state: str, _: Translate) -> str:
    """The label of a verdict, state, result or decision."""
    return _(STATES[state]) if state in STATES else state


def tone_of(state: str) -> Tone:
    """The tone of a verdict, state, result or decision: "wait" if neither good nor bad."""
    return "good" if state in GOOD else "bad" if state in BAD else "wait"


def tone_of_interval(bounds: Interval | None, direction: Direction = "higher") -> Tone:
    """The tone of a difference: good or bad if its whole interval is on one side of zero."""
    if bounds is None:
        return ""
    low, high = bounds
    if low <= 0 <= high:
        return "wait"
    return "good" if (low > 0) == (direction == "higher") else "bad"
