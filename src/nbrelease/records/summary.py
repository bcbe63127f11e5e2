"""From the results of the runbooks to the release's record."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from nbrelease.records import (
    BatchEndpoint,
    Because,
    Data,
    Decision,
    Endpoints,
    Environment,
    Identity,
    Kind,
    Masked,
    Model,
    OnlineEndpoint,
    Outcome,
    PackageChanges,
    ReasonCode,
    ReleaseRecord,
    ReleaseVerdict,
    RunbookResult,
    Stage,
    StageOutcome,
    Tests,
    published,
)
from nbrelease.records.published import Rollback, RolloutStep

# What each reason says; the page says it in the record's own language.
REASONS: dict[ReasonCode, str] = {
    "rejected": "%(name)s said no to %(environment)s",
    "rolled back": "traffic went back from %(origin)s to %(to)s: %(why)s",
    "gave traffic back": "%(deployment)s gave all traffic back at %(share)s %%: %(why)s",
    "traffic left": "the rollout of %(deployment)s was broken off, its traffic left: %(why)s",
    "no traffic given": "%(deployment)s was given no traffic: %(why)s",
    "gate": "the gate said no: %(why)s",
    "runbook interrupted": "%(runbook)s was interrupted",
    "runbook failed": "%(runbook)s: %(verdict)s: %(why)s",
    "stage cancelled": "the pipeline was cancelled in its stage %(stage)s",
    "stage failed": "the pipeline's stage %(stage)s failed",
    "stage rejected": "the pipeline's stage %(stage)s rejected",
    "stage not approved": "the pipeline's stage %(stage)s was not approved",
    "killed": "the pipeline was killed after %(runbook)s",
    "killed before": "the pipeline was killed before its first runbook",
    "nothing run": "no runbook was run",
}

WENT_BACK = ("rolled back", "gave traffic back")


def summarise(
    identity: Identity,
    results: list[RunbookResult],
    decisions: list[Decision],
    outcome: Outcome | None,
    sources: dict[str, str] | None = None,
    code: dict[str, str] | None = None,
    hidden: list[Masked] | None = None,
) -> ReleaseRecord:
    """The record of a release, out of what its runbooks and its pipeline left.

    Args:
        identity: what was known when the release began.
        results: the executed runbooks, in order.
        decisions: what was said about the release.
        outcome: what became of the pipeline's stages; None for a release by hand.
        sources: the page and cell of each published value.
        code: the sha256 of each file of the project that the pack carries.
        hidden: what was masked in these.
    """
    values: dict[str, Any] = {}
    for result in in_time(results):
        values.update(result.values)
    told, unreadable = published.read(values)
    if _rolled_out_again(told):
        del told["rollback"]
    verdict, because = _verdict(results, decisions, outcome or Outcome(), told, identity.kind)
    known = identity.model_dump(exclude={"environment", "schema_version", "masked"})
    return ReleaseRecord(
        **known,
        **told,
        environment=identity.environment or _environment(),
        verdict=verdict,
        reason=_text(because) if because else None,
        because=because,
        ended=max((result.ended for result in results if result.ended), default=None),
        data=_data(values),
        job=values.get("job_name"),
        metrics=values.get("metrics", {}),
        model=_model(values),
        endpoints=Endpoints(batch=_batch(values), online=_online(values)),
        decisions=decisions,
        decisions_unknown=outcome.decisions_unknown if outcome else "",
        waiting_for=outcome.waiting_for if outcome else "",
        tests=_tests(results),
        stages=_stages(results, outcome or Outcome()),
        runbooks=results,
        sources=sources or {},
        code=code or {},
        unreadable=unreadable,
        masked=_masked(identity, results, hidden or []),
    )


def in_time(results: list[RunbookResult]) -> list[RunbookResult]:
    """As they ran, not by name: failed jobs that are run again come after what took them back."""
    return sorted(results, key=lambda each: each.started)


def _masked(identity: Identity, results: list[RunbookResult], hidden: list[Masked]) -> list[Masked]:
    """What was hidden in the release's own files, in the code it carries, then in its notebooks."""
    others = ("notebooks/", "code/")
    own = [each for each in identity.masked if not each.file.startswith(others)]
    return own + hidden + [each for result in results for each in result.masked]


def _text(because: Because) -> str:
    text = REASONS[because.code] % because.about
    comment = because.about.get("comment")
    return f"{text}: {comment}" if comment else text


def _verdict(
    results: list[RunbookResult],
    decisions: list[Decision],
    outcome: Outcome,
    told: dict[str, Any],
    kind: Kind,
) -> tuple[ReleaseVerdict, Because | None]:
    for decision in decisions:
        if decision.decision == "rejected":
            about = {"name": decision.name, "environment": decision.environment}
            return "rejected", Because(
                code="rejected", about={**about, "comment": decision.comment}
            )
    if back := _went_back(told):
        return ("rolled back" if back.code in WENT_BACK else "failed"), back
    for result in results:
        if result.ended is None:
            about = {"runbook": result.name}
            return "interrupted", Because(code="runbook interrupted", about=about)
        if result.verdict != "passed":
            return "failed", _failed(result)
    return _of_the_pipeline(results, outcome, kind)


def _rolled_out_again(told: dict[str, Any]) -> bool:
    """Whether the rollout came after the rollback: an earlier attempt of the pipeline's."""
    back: Rollback | None = told.get("rollback")
    steps: list[RolloutStep] = told.get("rollout") or []
    return back is not None and bool(steps) and steps[-1].time > back.time


def _went_back(told: dict[str, Any]) -> Because | None:
    """Traffic that was taken back by somebody, or what a limit that was not kept led to."""
    back: Rollback | None = told.get("rollback")
    if back is not None:
        about = {"origin": back.origin, "to": back.to, "why": back.reason}
        return Because(code="rolled back", about=about)
    steps: list[RolloutStep] = told.get("rollout") or []
    if not steps or steps[-1].decision in ("go on", "done"):
        return None
    last = steps[-1]
    name, share = _rolled_out(last, told.get("previous_deployment"))
    about = {"deployment": name, "share": str(share), "why": last.why}
    if last.decision == "leave as it is":
        return Because(code="traffic left", about=about)
    if last.decision == "give no traffic":
        return Because(code="no traffic given", about=about)
    return Because(code="gave traffic back", about=about)


def _rolled_out(step: RolloutStep, previous: str | None) -> tuple[str, int]:
    """The deployment that a step is about, and its share; records of old do not name it."""
    if step.deployment:
        return step.deployment, step.traffic.get(step.deployment, 0)
    others = {name: share for name, share in step.traffic.items() if name != previous}
    return max((others or step.traffic).items(), key=lambda item: item[1])


def _failed(result: RunbookResult) -> Because:
    gate, _ = published.read({"gate": result.values.get("gate")})
    if gate and gate["gate"].verdict == "failed":
        missed = [each.why or each.name for each in gate["gate"].criteria if not each.passed]
        if missed:
            return Because(code="gate", about={"runbook": result.name, "why": "; ".join(missed)})
    about = {"runbook": result.name, "verdict": result.verdict, "why": result.why}
    return Because(code="runbook failed", about=about)


def _of_the_pipeline(
    results: list[RunbookResult], outcome: Outcome, kind: Kind
) -> tuple[ReleaseVerdict, Because | None]:
    """What the stages say where every runbook that was run is green."""
    for stage in outcome.stages:
        about = {"stage": stage.name}
        if stage.result == "Canceled":
            return "interrupted", Because(code="stage cancelled", about=about)
        if stage.result == "Failed":
            return "failed", Because(code="stage failed", about=about)
        if stage.result == "Rejected":
            return "rejected", Because(code="stage rejected", about=about)
    for stage in outcome.stages:
        # Nothing failed and nobody cancelled, so what is missing is an approval; but a monitor that
        # is calm has no need of the stage that trains.
        if stage.result == "Skipped" and kind == "release":
            return "rejected", Because(code="stage not approved", about={"stage": stage.name})
    if outcome.interrupted and results:
        return "interrupted", Because(code="killed", about={"runbook": results[-1].name})
    if outcome.interrupted:
        return "interrupted", Because(code="killed before")
    if not results:
        return "failed", Because(code="nothing run")
    return ("open" if outcome.waiting_for else "passed"), None


def since_last(record: ReleaseRecord, earlier: Iterable[ReleaseRecord]) -> PackageChanges | None:
    """How the packages differ from those of the last release that passed.

    Args:
        record: of the release.
        earlier: records of earlier releases into the same environment, newest first.

    Returns:
        The difference between the jobs' packages where both are known, of the build machines'
        otherwise; None where no earlier release passed.
    """
    last = next((each for each in earlier if each.verdict == "passed"), None)
    if last is None:
        return None
    of_job = record.package_list is not None and last.package_list is not None
    old = (last.package_list if of_job else _packages(last)) or {}
    new = (record.package_list if of_job else _packages(record)) or {}
    return PackageChanges(
        since=last.release_id,
        of="job" if of_job else "build",
        added={name: new[name] for name in new if name not in old},
        removed={name: old[name] for name in old if name not in new},
        changed={n: (old[n], new[n]) for n in new if n in old and old[n] != new[n]},
    )


def _packages(record: ReleaseRecord) -> dict[str, str]:
    return record.environment.packages if record.environment else {}


def _data(values: dict[str, Any]) -> Data | None:
    if "data_version" not in values:
        return None
    return Data(
        name=values["data_name"],
        version=values["data_version"],
        rows=values["data_rows"],
        sha256=values["data_sha256"],
    )


def _model(values: dict[str, Any]) -> Model | None:
    if "model_version" not in values:
        return None
    return Model(
        name=values["model_name"], version=values["model_version"], sha256=values["model_sha256"]
    )


def _batch(values: dict[str, Any]) -> BatchEndpoint | None:
    if "batch_deployment" not in values:
        return None
    return BatchEndpoint(
        name=values["batch_endpoint"],
        deployment=values["batch_deployment"],
        rows_in=values.get("rows_in"),
        rows_out=values.get("rows_out"),
    )


def _online(values: dict[str, Any]) -> OnlineEndpoint | None:
    if "online_deployment" not in values:
        return None
    return OnlineEndpoint(
        name=values["online_endpoint"],
        deployment=values["online_deployment"],
        scoring_uri=values["scoring_uri"],
        traffic=values.get("traffic"),
        parity_max_abs_diff=values.get("parity_max_abs_diff"),
        parity_tolerance=values.get("parity_tolerance", 0),
    )


def _tests(results: Iterable[RunbookResult]) -> Tests:
    cells = [cell for result in results for cell in result.cells if cell.is_test]
    passed = sum(1 for cell in cells if cell.state == "passed")
    return Tests(total=len(cells), passed=passed, failed=len(cells) - passed)


def _stages(results: list[RunbookResult], outcome: Outcome) -> list[Stage]:
    """The pipeline's stages in its order, or as their runbooks started; by hand it is one."""
    grouped: dict[str, list[RunbookResult]] = {stage.name: [] for stage in outcome.stages}
    for result in sorted(results, key=lambda result: result.started):
        grouped.setdefault(result.stage or "by hand", []).append(result)
    told = {stage.name: stage for stage in outcome.stages}
    return [_stage(name, group, told.get(name)) for name, group in grouped.items()]


def _stage(name: str, group: list[RunbookResult], told: StageOutcome | None) -> Stage:
    started = told.started if told else None
    ended = told.ended if told else None
    if started is None and group:
        started = min(result.started for result in group)
        ends = [result.ended for result in group if result.ended is not None]
        ended = max(ends) if len(ends) == len(group) else None
    return Stage(
        name=name,
        result=told.result if told else None,
        started=started,
        ended=ended,
        seconds=(ended - started).total_seconds() if started and ended else None,
        jobs=list(dict.fromkeys(result.job for result in group if result.job)),
    )


def _environment() -> Environment:
    # Each access to .metadata reads and parses the package's file again.
    known = [found.metadata for found in metadata.distributions()]
    packages = {found["Name"]: found["Version"] for found in known}
    return Environment(
        python=platform.python_version(),
        packages=dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    )
