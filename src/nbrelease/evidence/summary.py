"""From the results of the runbooks to the release's record."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from nbrelease.records import (
    BatchEndpoint,
    Data,
    Decision,
    Endpoints,
    Environment,
    Identity,
    Model,
    OnlineEndpoint,
    Outcome,
    ReleaseRecord,
    ReleaseVerdict,
    RunbookResult,
    Stage,
    StageOutcome,
    Tests,
)


def summarise(
    identity: Identity,
    results: list[RunbookResult],
    decisions: list[Decision],
    outcome: Outcome | None,
) -> ReleaseRecord:
    """The record of a release, out of what its runbooks and its pipeline left.

    Args:
        identity: what was known when the release began.
        results: the executed runbooks, in order.
        decisions: what was said about the release.
        outcome: what became of the pipeline's stages; None for a release by hand.
    """
    values: dict[str, Any] = {}
    for result in results:
        values.update(result.values)
    verdict, reason = _verdict(results, decisions, outcome or Outcome())
    known = identity.model_dump(exclude={"environment"})
    return ReleaseRecord(
        **known,
        environment=identity.environment or _environment(),
        verdict=verdict,
        reason=reason,
        ended=max((result.ended for result in results if result.ended), default=None),
        data=_data(values),
        job=values.get("job_name"),
        metrics=values.get("metrics", {}),
        model=_model(values),
        endpoints=Endpoints(batch=_batch(values), online=_online(values)),
        decisions=decisions,
        tests=_tests(results),
        stages=_stages(results, outcome or Outcome()),
        runbooks=results,
    )


def _verdict(
    results: list[RunbookResult], decisions: list[Decision], outcome: Outcome
) -> tuple[ReleaseVerdict, str | None]:
    for decision in decisions:
        if decision.decision == "rejected":
            comment = f": {decision.comment}" if decision.comment else ""
            return "rejected", f"{decision.name} said no to {decision.environment}{comment}"
    for result in results:
        if result.ended is None:
            return "interrupted", f"{result.name} was interrupted"
        if result.verdict != "passed":
            return "failed", f"{result.name}: {result.verdict}: {result.why}"
    for stage in outcome.stages:
        if stage.result == "Canceled":
            return "interrupted", f"the pipeline was cancelled in its stage {stage.name}"
        if stage.result in ("Failed", "Rejected"):
            verdict: ReleaseVerdict = "failed" if stage.result == "Failed" else "rejected"
            return verdict, f"the pipeline's stage {stage.name} {verdict}"
    for stage in outcome.stages:
        # Nothing failed and nobody cancelled, so what is missing is an approval.
        if stage.result == "Skipped":
            return "rejected", f"the pipeline's stage {stage.name} was not approved"
    if outcome.interrupted:
        return "interrupted", f"the pipeline was killed after {results[-1].name}" if results else (
            "the pipeline was killed before its first runbook"
        )
    if not results:
        return "failed", "no runbook was run"
    return "passed", None


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
    packages = {found.metadata["Name"]: found.version for found in metadata.distributions()}
    return Environment(
        python=platform.python_version(),
        packages=dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    )
