"""The labels of codes and metric names on the pages, and the tones that colour them."""

from __future__ import annotations

import re
from typing import Literal

from nbrelease.report.translations import N_, Translate

Tone = Literal["good", "bad", "wait", ""]

METRICS = {
    "accuracy": N_("Accuracy"),
    "roc_auc": N_("ROC AUC"),
    "positive_share": N_("Share of positives"),
    "selection_rate": N_("Selection rate"),
    "false_negative_rate": N_("False negative rate"),
    "calibration_error": N_("Calibration error"),
    "test_rows": N_("Held-out rows"),
    "train_rows": N_("Training rows"),
    "rows": N_("Rows"),
    "overlap_rows": N_("Held-out rows that are also training rows"),
    "overlap": N_("Share of held-out rows that are also training rows"),
    "accuracy_difference": N_("Largest accuracy difference between groups"),
    "selection_rate_difference": N_("Largest selection rate difference between groups"),
    "false_negative_rate_difference": N_("Largest false negative rate difference between groups"),
    "calibration_error_difference": N_("Largest calibration error difference between groups"),
    "accuracy_most": N_("Largest accuracy of a group"),
    "selection_rate_most": N_("Largest selection rate of a group"),
    "false_negative_rate_most": N_("Largest false negative rate of a group"),
    "calibration_error_most": N_("Largest calibration error of a group"),
    "drift": N_("Drift"),
    "duplicates": N_("Share of duplicates"),
    "missing": N_("Share of missing values"),
    "least": N_("Minimum"),
    "most": N_("Maximum"),
    "label_values": N_("Distinct values of the label"),
    "id_leakage": N_("Label leakage through the id column"),
}
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
RANGE = re.compile(r"((?:.+ )?)(\S+) to (\S+)\Z", re.DOTALL)


def metric_name(name: str, _: Translate) -> str:
    """A metric's label; a metric without one keeps its name."""
    return _(METRICS[name]) if name in METRICS else name


def state_name(state: str, _: Translate) -> str:
    """The label of a verdict, state, result or decision."""
    return _(STATES[state]) if state in STATES else state


def slice_name(name: str, _: Translate) -> str:
    """A slice or group, for example "Age 0 to 30"; other names stay as they are."""
    match = RANGE.match(name)
    if match is None:
        return name
    column, low, high = match.groups()
    return column + _("%(low)s to %(high)s") % {"low": low, "high": high}


def tone_of(state: str) -> Tone:
    """The tone of a verdict, state, result or decision: "wait" if neither good nor bad."""
    return "good" if state in GOOD else "bad" if state in BAD else "wait"


def tone_of_interval(bounds: tuple[float, float] | None) -> Tone:
    """The tone of a difference: good or bad if its whole interval is on one side of zero."""
    if bounds is None:
        return ""
    low, high = bounds
    return "good" if low > 0 else "bad" if high < 0 else "wait"
