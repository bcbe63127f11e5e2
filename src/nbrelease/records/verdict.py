"""The verdict of a release and the reason for it.

The first that applies: a rejection, traffic that was rolled back, the first runbook that is not
green, the pipeline's stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.records import (
    Because,
    Decision,
    Kind,
    Outcome,
    ReasonCode,
    ReleaseVerdict,
    RunbookResult,
    published,
)
from nbrelease.records.published import Published, RolloutStep

# The text of each reason; the page translates it.
REASONS: dict[ReasonCode, str] = {
    "rejected": "%(name)s rejected the release to %(environment)s",
    "rolled back": "rolled back from %(origin)s to %(to)s: %(why)s",
    "gave traffic back": "%(deployment)s was rolled back at %(share)s %% of the traffic: %(why)s",
    "traffic left": "the rollout of %(deployment)s stopped, traffic left unchanged: %(why)s",
    "no traffic given": "%(deployment)s received no traffic: %(why)s",
    "gate": "release criteria not met: %(why)s",
    "runbook interrupted": "%(runbook)s was interrupted",
    "runbook failed": "%(runbook)s: %(verdict)s: %(why)s",
    "stage cancelled": "stage %(stage)s of the pipeline was canceled",
    "stage failed": "stage %(stage)s of the pipeline failed",
    "stage rejected": "stage %(stage)s of the pipeline was rejected",
    "stage not approved": "stage %(stage)s of the pipeline was not approved",
    "killed": "the pipeline was killed after %(runbook)s",
    "killed before": "the pipeline was killed before its first runbook",
    "nothing run": "no runbook was run",
}

ROLLED_BACK = ("rolled back", "gave traffic back")


def because_text(because: Because) -> str:
    """The reason in English."""
    text = REASONS[because.code] % because.about
    comment = because.about.get("comment")
    return f"{text}: {comment}" if comment else text


def decide(
    results: list[RunbookResult],
    decisions: list[Decision],
    outcome: Outcome,
    values: Published,
    kind: Kind,
) -> tuple[ReleaseVerdict, Because | None]:
    """The verdict, and why where it is not ``passed``."""
    for decision in decisions:
        if decision.decision == "rejected":
            about = {"name": decision.name, "environment": decision.environment}
            return "rejected", Because(
                code="rejected", about={**about, "comment": decision.comment}
            )
    if reason := _traffic_reason(values):
        return ("rolled back" if reason.code in ROLLED_BACK else "failed"), reason
    for result in results:
        if result.ended is None:
            about = {"runbook": result.name}
            return "interrupted", Because(code="runbook interrupted", about=about)
        if result.verdict != "passed":
            return "failed", _runbook_reason(result)
    return _pipeline_verdict(results, outcome, kind)


def rolled_back(values: Mapping[str, Any]) -> bool:
    """Whether published values show traffic that was rolled back, by a person or by a limit."""
    reason = _traffic_reason(published.read(values)[0])
    return reason is not None and reason.code in ROLLED_BACK


def rolled_out_again(values: Published) -> bool:
    """Whether the rollout is later than the rollback: the job was retried after it."""
    rollback, steps = values.rollback, values.rollout
    return rollback is not None and bool(steps and steps[-1].time > rollback.time)


def _traffic_reason(values: Published) -> Because | None:
    """Why the new deployment has no traffic, or not all of it; None where it has."""
    rollback, steps = values.rollback, values.rollout
    if rollback is not None:
        about = {"origin": rollback.origin, "to": rollback.to, "why": rollback.reason}
        return Because(code="rolled back", about=about)
    if not steps or steps[-1].decision in ("go on", "done"):
        return None
    last = steps[-1]
    name, share = _new_deployment(last, values.previous_deployment)
    about = {"deployment": name, "share": str(share), "why": last.why}
    codes: dict[str, ReasonCode] = {
        "leave as it is": "traffic left",
        "give no traffic": "no traffic given",
        "roll back": "gave traffic back",
    }
    return Because(code=codes[last.decision], about=about)


def _new_deployment(step: RolloutStep, previous: str | None) -> tuple[str, int]:
    """The deployment that a step is about, and its share; earlier versions did not name it."""
    if step.deployment:
        return step.deployment, step.traffic.get(step.deployment, 0)
    others = {name: share for name, share in step.traffic.items() if name != previous}
    return max((others or step.traffic).items(), key=lambda item: item[1])


def _runbook_reason(result: RunbookResult) -> Because:
    gate = published.read({"gate": result.values.get("gate")})[0].gate
    if gate is not None and gate.verdict == "failed":
        missed = [each.why or each.name for each in gate.criteria if not each.passed]
        if missed:
            return Because(code="gate", about={"runbook": result.name, "why": "; ".join(missed)})
    about = {"runbook": result.name, "verdict": result.verdict, "why": result.why}
    return Because(code="runbook failed", about=about)


def _pipeline_verdict(
    results: list[RunbookResult], outcome: Outcome, kind: Kind
) -> tuple[ReleaseVerdict, Because | None]:
    """The verdict by the pipeline's stages, where every runbook that was run passed."""
    for stage in outcome.stages:
        about = {"stage": stage.name}
        if stage.result == "Canceled":
            return "interrupted", Because(code="stage cancelled", about=about)
        if stage.result == "Failed":
            return "failed", Because(code="stage failed", about=about)
        if stage.result == "Rejected":
            return "rejected", Because(code="stage rejected", about=about)
    for stage in outcome.stages:
        # Nothing failed or was cancelled, so an approval is missing. A monitor without an alarm
        # skips the training stage.
        if stage.result == "Skipped" and kind == "release":
            return "rejected", Because(code="stage not approved", about={"stage": stage.name})
    if outcome.interrupted and results:
        return "interrupted", Because(code="killed", about={"runbook": results[-1].name})
    if outcome.interrupted:
        return "interrupted", Because(code="killed before")
    if not results:
        return "failed", Because(code="nothing run")
    return ("open" if outcome.waiting_for else "passed"), None
