"""Checks of what was decided: the gate by its own limits, people by the rules that were set."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.records import Decision, ReleaseRecord
from nbrelease.records.criterion import AnyCriterion, CriterionText
from nbrelease.records.published import Gate
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, judged, not_applicable


def gate(pack: Pack) -> Result:
    """The gate's verdict follows from its criteria, and nothing was registered against it."""
    record = pack.record
    found = record.gate
    if found is None:
        before = f"{record.verdict} before it" if pack.negative else "no runbook published one"
        return not_applicable(f"no gate: {before}")
    problems = [text for each in found.criteria if (text := _contradiction(each))]
    counted = [each for each in found.criteria if found.champion == "stop" or not each.relative]
    met = bool(counted) and all(each.passed for each in counted)
    if found.verdict == "passed" and not met:
        unmet = ", ".join(each.name for each in counted if not each.passed) or "no criterion"
        problems.append(f"the gate passed, not met: {unmet}")
    if found.verdict == "failed" and met:
        problems.append("the gate failed with every criterion met")
    if found.verdict == "waived":
        problems += _waived(found, record)
    if found.verdict == "failed" and (record.model is not None or not pack.negative):
        problems.append("the gate said no and the model was registered all the same")
    count = sum(1 for each in counted if each.passed)
    said = f"{found.verdict}: {count} of {len(counted)} criteria met"
    shown = len(found.criteria) - len(counted)
    return judged(problems, said + (f", {shown} more only shown" if shown else ""))


def _contradiction(criterion: AnyCriterion) -> str:
    """What is wrong where a criterion's value does not lead to its result."""
    if isinstance(criterion, CriterionText) or criterion.operator == "present":
        return ""  # schema 1.0 has no threshold; a column that exists has no value
    if criterion.passed == criterion.meets_threshold:
        return ""
    result = "passed" if criterion.passed else "failed"
    value = "no value" if criterion.value is None else f"{criterion.value:g}"
    return f"criterion {criterion.name}: {result} with {value}, required {criterion.limit}"


def _waived(found: Gate, record: ReleaseRecord) -> Iterator[str]:
    if found.waiver is None:
        yield "the gate was waived by nobody"
    elif found.waiver.until < record.started.date():
        yield f"the waiver of {found.waiver.name} ended on {found.waiver.until}"


def approvals(pack: Pack) -> Result:
    """Somebody said yes where the settings ask for it, and not the author where they forbid it."""
    record = pack.record
    rules = record.approval_rules
    if not rules.environments and not record.decisions:
        return not_applicable("the settings ask for nobody's yes (approval_environments)")
    problems = list(_words(record))
    yes = {each.environment for each in record.decisions if each.decision == "approved"}
    missing = [name for name in rules.environments if name not in yes]
    if missing and not pack.negative:
        why = f"; {record.decisions_unknown}" if record.decisions_unknown else ""
        problems.append(f"nobody said yes to {', '.join(missing)}{why}")
    if missing and record.rollout and pack.negative:
        problems.append(f"traffic moved and nobody had said yes to {', '.join(missing)}")
    if rules.environments and not yes and record.model is not None:
        problems.append("a model was registered and nobody had said yes to anything")
    if not record.decisions and pack.negative and not problems:
        return not_applicable(f"{record.verdict} before anybody was asked")
    said = [f"{each.name} {each.decision} {each.environment}" for each in record.decisions]
    return judged(problems, ", ".join(said))


def _words(record: ReleaseRecord) -> Iterator[str]:
    """What is wrong with single decisions."""
    authors = {_person(name) for name in (record.actor, record.source.author) if name.strip()}
    for each in record.decisions:
        where = f"the word on {each.environment} (stage {each.stage})"
        if not each.name.strip():
            yield f"{where} is nobody's"
        if _own(each, record) and _person(each.name) in authors:
            yield f"{where}: {each.name} approved a release of their own"
        if each.decision == "rejected" and record.verdict == "passed":
            yield f"{where}: {each.name} said no and the release passed"


def _own(decision: Decision, record: ReleaseRecord) -> bool:
    return decision.decision == "approved" and record.approval_rules.approver_is_not_author


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()
