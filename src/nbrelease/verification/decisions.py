"""Checks of the decisions: the gate by its criteria, approvals by the rules in the settings."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.attestation.problem import Problem
from nbrelease.records import ReleaseRecord
from nbrelease.records.criterion import AnyCriterion, CriterionText
from nbrelease.records.published import Gate
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, not_applicable, passed_unless


def gate_follows_criteria(pack: Pack) -> Result:
    """The gate's verdict follows from its criteria; after a failed gate no model is registered."""
    record = pack.record
    gate = record.gate
    if gate is None:
        reason = (
            f"{record.verdict} before the gate" if pack.negative else "no runbook published one"
        )
        return not_applicable(f"no gate: {reason}")
    problems = [contradiction for each in gate.criteria if (contradiction := _contradiction(each))]
    counted = [each for each in gate.criteria if gate.champion == "stop" or not each.relative]
    met = bool(counted) and all(each.passed for each in counted)
    if gate.verdict == "passed" and not met:
        unmet = ", ".join(each.name for each in counted if not each.passed) or "no criterion"
        problems.append(Problem("NBV422", f"the gate passed, not met: {unmet}"))
    if gate.verdict == "failed" and met:
        problems.append(Problem("NBV423", "the gate failed, every criterion is met"))
    if gate.verdict == "waived":
        problems += _check_waiver(gate, record)
    if gate.verdict == "failed" and (record.model is not None or not pack.negative):
        problems.append(Problem("NBV426", "the gate failed and the model was registered"))
    count = sum(1 for each in counted if each.passed)
    result = f"{gate.verdict}: {count} of {len(counted)} criteria met"
    uncounted = len(gate.criteria) - len(counted)
    return passed_unless(problems, result + (f", {uncounted} not counted" if uncounted else ""))


def _contradiction(criterion: AnyCriterion) -> Problem | None:
    """What is wrong where a criterion's value does not lead to its result."""
    if isinstance(criterion, CriterionText) or criterion.operator == "present":
        return None  # schema 1.0 has no threshold; a column that exists has no value
    if criterion.passed == criterion.meets_threshold:
        return None
    result = "passed" if criterion.passed else "failed"
    value = "no value" if criterion.value is None else f"{criterion.value:g}"
    return Problem(
        "NBV421", f"criterion {criterion.name}: {result} with {value}, required {criterion.limit}"
    )


def _check_waiver(gate: Gate, record: ReleaseRecord) -> Iterator[Problem]:
    if gate.waiver is None:
        yield Problem("NBV424", "the gate was waived without a waiver")
    elif gate.waiver.until < record.started.date():
        yield Problem("NBV425", f"the waiver of {gate.waiver.name} expired on {gate.waiver.until}")


def approvals(pack: Pack) -> Result:
    """Every environment that requires an approval has one, by an allowed approver."""
    record = pack.record
    rules = record.approval_rules
    if not rules.environments and not record.decisions:
        return not_applicable("no approval required (approval_environments)")
    problems = list(_check_approvers(record))
    approved = {each.environment for each in record.decisions if each.decision == "approved"}
    missing = [name for name in rules.environments if name not in approved]
    if missing and not pack.negative:
        why = f"; {record.decisions_unknown}" if record.decisions_unknown else ""
        problems.append(Problem("NBV431", f"not approved: {', '.join(missing)}{why}"))
    if missing and record.rollout and pack.negative:
        problems.append(Problem("NBV432", f"traffic moved without approval: {', '.join(missing)}"))
    if rules.environments and not approved and record.model is not None:
        problems.append(Problem("NBV433", "a model was registered without any approval"))
    if not record.decisions and pack.negative and not problems:
        return not_applicable(f"{record.verdict} before the first approval")
    decided = [f"{each.name} {each.decision} {each.environment}" for each in record.decisions]
    return passed_unless(problems, ", ".join(decided))


def _check_approvers(record: ReleaseRecord) -> Iterator[Problem]:
    authors = {_person(name) for name in (record.actor, record.source.author) if name.strip()}
    for each in record.decisions:
        where = f"decision on {each.environment} (stage {each.stage})"
        if not each.name.strip():
            yield Problem("NBV434", f"{where}: no approver")
        own = each.decision == "approved" and record.approval_rules.approver_is_not_author
        if own and _person(each.name) in authors:
            yield Problem("NBV435", f"{where}: {each.name} approved their own release")
        if each.decision == "rejected" and record.verdict == "passed":
            yield Problem("NBV436", f"{where}: {each.name} rejected it and the release passed")


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()
