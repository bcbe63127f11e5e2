"""Checks of the measurements: tests, rows, parity, and one version from test to traffic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbrelease.attestation.problem import Problem
from nbrelease.records import ReleaseRecord, in_order_of_execution
from nbrelease.records.criterion import CriterionResult
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, not_applicable, passed, passed_unless


def _expect(pack: Pack, problems: list[Problem], reason: str) -> Result:
    """Failed on a problem, unless the record says that the release failed."""
    if problems and pack.negative:
        return passed(f"{'; '.join(map(str, problems))}: the release is {pack.record.verdict}")
    return passed_unless(problems, reason)


def tests(pack: Pack) -> Result:
    """There are tests, and all of them passed or have the tag ``skip``."""
    counted = pack.record.tests
    if counted.total == counted.skipped and pack.negative:
        return not_applicable(f"{pack.record.verdict} before the first test")
    if counted.total == counted.skipped:
        return failed([Problem("NBV301", f"0 tests, {counted.skipped} skipped")])
    problems = [
        Problem("NBV302", f"{runbook.name}: test {cell.id} {cell.state}")
        for runbook in pack.record.runbooks
        for cell in runbook.cells
        if cell.is_test and cell.state not in ("passed", "skipped")
    ]
    reason = f"{counted.passed} of {counted.total} tests passed"
    if counted.skipped:
        reason += f", {counted.skipped} skipped"
    return _expect(pack, problems, reason)


def rows(pack: Pack) -> Result:
    """As many predictions as rows sent; models compared on as many rows as were held out."""
    record = pack.record
    problems: list[Problem] = []
    counts: list[str] = []
    batch, comparison = record.endpoints.batch, record.comparison
    if batch is not None and batch.rows_in is not None:
        counts.append(f"batch: {batch.rows_in} rows in, {batch.rows_out} out")
        if batch.rows_in != batch.rows_out or not batch.rows_in:
            problems.append(Problem("NBV311", counts[-1]))
    elif batch is not None and not pack.negative:
        problems.append(
            Problem("NBV312", f"{batch.name}: no rows were sent to deployment {batch.deployment}")
        )
    measured = record.metrics.get("test_rows")
    if comparison is not None and measured is not None:
        counts.append(f"{comparison.rows} rows held out and compared")
        if comparison.rows != measured:
            problems.append(
                Problem("NBV313", f"compared on {comparison.rows} rows, measured on {measured:g}")
            )
    profile = record.data_profile
    if profile is not None and record.data is not None:
        counts.append(f"{profile.rows} rows of data")
        if profile.rows != record.data.rows:
            problems.append(
                Problem("NBV314", f"{record.data.rows} rows of data, {profile.rows} described")
            )
        if profile.overlap:
            shared = f"{profile.overlap} rows are in both training and test"
            if _gate_judged(record, profile.overlap):
                counts.append(shared)
            else:
                problems.append(Problem("NBV315", shared))
    if not counts and not problems:
        return not_applicable(_missing(pack, "no published row counts"))
    return _expect(pack, problems, ", ".join(counts))


def _gate_judged(record: ReleaseRecord, overlap: int) -> bool:
    """Whether a release criterion has this number of rows, as a share of the held-out rows."""
    if record.gate is None or record.comparison is None:
        return False
    share = overlap / record.comparison.rows
    return any(
        each.metric == "overlap" and each.slice is None and each.value == share
        for each in record.gate.criteria
        if isinstance(each, CriterionResult)
    )


def parity(pack: Pack) -> Result:
    """The endpoint's predictions equal those of the training job."""
    online = pack.record.endpoints.online
    if online is None:
        return not_applicable(_missing(pack, "no online deployment"))
    difference, tolerance = online.parity_max_abs_diff, online.parity_tolerance
    if difference is None and pack.negative:
        return not_applicable(f"{pack.record.verdict} before {online.deployment} was tested")
    if difference is None:
        return failed(
            [Problem("NBV341", f"{online.deployment} was not compared with the training job")]
        )
    text = f"largest difference from the training job {difference:g}, tolerance {tolerance:g}"
    return _expect(pack, [Problem("NBV342", text)] if not difference <= tolerance else [], text)


def _missing(pack: Pack, text: str) -> str:
    return f"{pack.record.verdict}: {text}" if pack.negative else text


def versions(pack: Pack) -> Result:
    """The tested version is the one that was registered, deployed, and given the traffic.

    Versions are parameters of later runbooks. Each has to equal the value that an earlier runbook
    published, in a failed release too.
    """
    record = pack.record
    values = list(_passed_values(pack))
    problems = [
        Problem("NBV351", f"{runbook}: run with {name} = {parameter}, {source} published {value}")
        for runbook, name, parameter, source, value in values
        if str(parameter) != str(value)
    ]
    model, online, batch = record.model, record.endpoints.online, record.endpoints.batch
    if model is not None:
        for runbook in record.runbooks:
            for key, expected in (("model_name", model.name), ("model_version", model.version)):
                parameter = runbook.parameters.get(key, expected)
                consumer = f"parameters of {runbook.name}"
                after = "model_version" in runbook.parameters
                if after and str(parameter) != expected:
                    problems.append(
                        Problem("NBV352", f"{consumer}: {key} {parameter}, registered: {expected}")
                    )
    if online is not None and record.previous_deployment == online.deployment:
        problems.append(Problem("NBV353", f"{online.deployment} is its own previous deployment"))
    if online is not None and online.traffic is not None and not pack.negative:
        share = online.traffic.get(online.deployment, 0)
        if share != 100:
            problems.append(
                Problem("NBV354", f"{online.deployment} has {share} % of the traffic, not 100 %")
            )
    if not values and model is None:
        return not_applicable(_missing(pack, "no values passed between runbooks"))
    results = [f"{len(values)} values passed as published"]
    if model is not None:
        results.append(f"registered {model.name}:{model.version}")
        results += [f"deployed {each.deployment}" for each in (batch, online) if each is not None]
    return passed_unless(list(dict.fromkeys(problems)), ", ".join(results))


def _passed_values(pack: Pack) -> Iterator[tuple[str, str, Any, str, Any]]:
    """(runbook, parameter, its value, the runbook that published it, that value)."""
    known: dict[str, tuple[str, Any]] = {}
    for runbook in in_order_of_execution(pack.record.runbooks):
        for name, parameter in runbook.parameters.items():
            if name in known:
                source, value = known[name]
                if isinstance(value, float) and isinstance(parameter, int | float):
                    parameter = float(parameter)
                yield runbook.name, name, parameter, source, value
        known |= {name: (runbook.name, value) for name, value in runbook.values.items()}
