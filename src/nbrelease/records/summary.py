"""Derive the record of a release from the results of its runbooks."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

from nbrelease.records import (
    Decision,
    Environment,
    Identity,
    Masked,
    Outcome,
    PackageChanges,
    ReleaseRecord,
    RunbookResult,
    Stage,
    StageOutcome,
    Tests,
    merge_values,
    published,
)
from nbrelease.records.verdict import because_text, decide, rolled_out_again


def derive(
    identity: Identity,
    results: list[RunbookResult],
    decisions: list[Decision],
    outcome: Outcome | None,
    sources: dict[str, str] | None = None,
    code: dict[str, str] | None = None,
    masked: list[Masked] | None = None,
) -> ReleaseRecord:
    """The record of a release.

    Args:
        identity: of the release.
        results: the executed runbooks, in order.
        decisions: of the approvers.
        outcome: the results of the pipeline's stages; None for a release by hand.
        sources: the page and cell of each published value.
        code: the sha256 of each file of the project in the pack.
        masked: secrets that were masked in these files.
    """
    values, unreadable = published.read(merge_values(results))
    if rolled_out_again(values):
        values = values.model_copy(update={"rollback": None})
    verdict, because = decide(results, decisions, outcome or Outcome(), values, identity.kind)
    known = identity.model_dump(exclude={"environment", "schema_version", "masked"})
    return ReleaseRecord(
        **known,
        **dict(values),
        environment=identity.environment or _environment(),
        verdict=verdict,
        reason=because_text(because) if because else None,
        because=because,
        ended=max((result.ended for result in results if result.ended), default=None),
        decisions=decisions,
        decisions_unknown=outcome.decisions_unknown if outcome else "",
        waiting_for=outcome.waiting_for if outcome else "",
        tests=_tests(results),
        stages=_stages(results, outcome or Outcome()),
        runbooks=results,
        sources=sources or {},
        code=code or {},
        unreadable=unreadable,
        masked=_list_masked(identity, results, masked or []),
    )


def _list_masked(
    identity: Identity, results: list[RunbookResult], code: list[Masked]
) -> list[Masked]:
    """Masked secrets of the release's own files, its code, and its notebooks."""
    others = ("notebooks/", "code/")
    own = [each for each in identity.masked if not each.file.startswith(others)]
    return own + code + [each for result in results for each in result.masked]


def since_last(record: ReleaseRecord, earlier: Iterable[ReleaseRecord]) -> PackageChanges | None:
    """How packages and parameters differ from those of the previous release that passed.

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
        parameters=_changed_parameters(last.job_parameters, record.job_parameters),
    )


def _changed_parameters(
    old: dict[str, str] | None, new: dict[str, str] | None
) -> dict[str, tuple[str | None, str | None]] | None:
    if old is None or new is None:
        return None
    names = [*old, *(name for name in new if name not in old)]
    return {n: (old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)}


def _packages(record: ReleaseRecord) -> dict[str, str]:
    return record.environment.packages if record.environment else {}


def _tests(results: Iterable[RunbookResult]) -> Tests:
    cells = [cell for result in results for cell in result.cells if cell.is_test]
    passed = sum(1 for cell in cells if cell.state == "passed")
    skipped = sum(1 for cell in cells if cell.state == "skipped")
    failed = len(cells) - passed - skipped
    return Tests(total=len(cells), passed=passed, failed=failed, skipped=skipped)


def _stages(results: list[RunbookResult], outcome: Outcome) -> list[Stage]:
    """The pipeline's stages in its order, or as their runbooks started; by hand it is one."""
    grouped: dict[str, list[RunbookResult]] = {stage.name: [] for stage in outcome.stages}
    for result in sorted(results, key=lambda result: result.started):
        grouped.setdefault(result.stage or "by hand", []).append(result)
    outcomes = {stage.name: stage for stage in outcome.stages}
    return [_stage(name, group, outcomes.get(name)) for name, group in grouped.items()]


def _stage(name: str, group: list[RunbookResult], outcome: StageOutcome | None) -> Stage:
    started = outcome.started if outcome else None
    ended = outcome.ended if outcome else None
    if started is None and group:
        started = min(result.started for result in group)
        ends = [result.ended for result in group if result.ended is not None]
        ended = max(ends) if len(ends) == len(group) else None
    return Stage(
        name=name,
        result=outcome.result if outcome else None,
        started=started,
        ended=ended,
        seconds=(ended - started).total_seconds() if started and ended else None,
        jobs=list(dict.fromkeys(result.job for result in group if result.job)),
    )


def _environment() -> Environment:
    # Each access to .metadata reads and parses the package's file again.
    known = [package.metadata for package in metadata.distributions()]
    packages = {package["Name"]: package["Version"] for package in known}
    return Environment(
        python=platform.python_version(),
        packages=dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    )
