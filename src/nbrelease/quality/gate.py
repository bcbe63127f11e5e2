"""The quality gate: compare measurements with the release criteria and decide.

A criterion on a metric that was not measured is an error, and a metric whose value is unknown does
not pass.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import ChampionGate, Criteria, Limit, Slices, Waiver
from nbrelease.records.criterion import CriterionResult
from nbrelease.records.published import (
    Comparison,
    DataProfile,
    Direction,
    Fairness,
    Gate,
    Interval,
)

Verdict = Literal["passed", "failed", "waived"]


class Measurement(NamedTuple):
    """A metric's value, and the interval of its difference from the champion's.

    ``direction``: of a metric of the model. ``compared``: whether there is a champion; then an
    unknown interval does not pass.
    """

    value: float | None
    difference: Interval | None = None
    direction: Direction | None = None
    compared: bool = False


class Measurements(BaseModel):
    """What the release criteria apply to.

    ``data_profile`` has the overlap of training and held-out rows, and the drift from the
    champion's data where there is a champion.
    """

    model_config = ConfigDict(frozen=True)

    comparison: Comparison
    fairness: Fairness | None = None
    data_profile: DataProfile | None = None


def evaluate_criteria(criteria: Criteria, measurements: Measurements) -> list[CriterionResult]:
    """Apply all release criteria to a challenger and its data.

    Raises:
        SettingsError: a criterion is about a metric that was not measured.
    """
    comparison, profile = measurements.comparison, measurements.data_profile
    measured = {"rows": Measurement(comparison.rows)}
    for metric in comparison.metrics:
        measured[metric.name] = Measurement(
            metric.challenger,
            metric.difference_interval,
            metric.direction,
            comparison.champion is not None,
        )
    sample = Limit(metric="rows", at_least=criteria.smallest_sample)
    results = evaluate_limits([sample, *criteria.metrics], measured)
    if criteria.slices is not None:
        results += _evaluate_slices(comparison, criteria.slices)
    results += evaluate_limits(criteria.fairness, _fairness_measurements(measurements.fairness))
    return results + (_evaluate_profile(criteria, comparison, profile) if profile else [])


def evaluate_limits(
    limits: list[Limit], measured: Mapping[str, Measurement], name: str | None = None
) -> list[CriterionResult]:
    """Compare measurements with limits.

    Args:
        limits: of single metrics.
        measured: by metric.
        name: of the slice, group or column that was measured; None for all rows.

    Raises:
        SettingsError: a limit's metric was not measured.
    """
    results = []
    for limit in limits:
        if limit.metric not in measured:
            close = difflib.get_close_matches(limit.metric, measured, n=1)
            hint = f"did you mean {close[0]}?" if close else f"measured: {', '.join(measured)}"
            raise SettingsError(f"criteria: {limit.metric} is not measured; {hint}")
        results += _evaluate_limit(limit, name, measured[limit.metric])
    return results


def decide_verdict(
    results: list[CriterionResult], waiver: Waiver | None, today: date | None = None
) -> Verdict:
    """``passed`` when all criteria are met, ``waived`` when not but a waiver is valid.

    Args:
        results: of all criteria; without any the verdict is ``failed``.
        waiver: of the criteria file.
        today: in UTC.
    """
    if results and all(each.passed for each in results):
        return "passed"
    day = today or datetime.now(UTC).date()
    return "waived" if results and waiver is not None and day <= waiver.until else "failed"


def decide_gate(
    results: list[CriterionResult],
    criteria: Criteria,
    commit: str,
    *,
    champion: ChampionGate = "stop",
) -> Gate:
    """The gate's result as runbooks publish it.

    Args:
        results: of :func:`evaluate_criteria`.
        criteria: of the criteria file, with its waiver.
        commit: in which the file last changed before the release; empty if unknown.
        champion: ``report``: criteria that compare with the champion are shown and do not count.
    """
    counted = [each for each in results if champion == "stop" or each.baseline is None]
    verdict = decide_verdict(counted, criteria.waiver)
    return Gate(
        verdict=verdict,
        criteria=[*results],
        champion=champion,
        criteria_commit=commit or None,
        waiver=criteria.waiver if verdict == "waived" else None,
        waiver_over=criteria.waiver if verdict == "failed" else None,
    )


def _evaluate_limit(
    limit: Limit, name: str | None, measurement: Measurement
) -> list[CriterionResult]:
    results = []
    if limit.at_least is not None:
        results.append(_compare(limit.metric, name, measurement.value, "at least", limit.at_least))
    if limit.at_most is not None:
        results.append(_compare(limit.metric, name, measurement.value, "at most", limit.at_most))
    if measurement.compared or measurement.difference is not None:
        results += _compare_with_champion(limit, name, measurement)
    return [each.model_copy(update={"direction": measurement.direction}) for each in results]


def _compare(
    metric: str,
    name: str | None,
    value: float | None,
    operator: Literal["at least", "at most"],
    threshold: float,
) -> CriterionResult:
    result = CriterionResult(
        metric=metric,
        slice=name,
        operator=operator,
        threshold=threshold,
        value=None if value is None or math.isnan(value) else value,
        passed=False,
    )
    return result.model_copy(update={"passed": result.meets_threshold})


def _compare_with_champion(
    limit: Limit, name: str | None, measurement: Measurement
) -> list[CriterionResult]:
    """The criteria on the difference challenger minus champion.

    ``margin`` is about the end of its interval at which the challenger is worst, ``loss`` about
    that at which it is best.
    """
    higher = measurement.direction != "lower"
    worst: Literal["low", "high"] = "low" if higher else "high"
    best: Literal["low", "high"] = "high" if higher else "low"
    minimums = [(worst, limit.margin), (best, None if limit.loss is None else -limit.loss)]
    low, high = measurement.difference or (None, None)
    return [
        _compare(
            limit.metric,
            name,
            low if end == "low" else high,
            "at least" if higher else "at most",
            minimum if higher else 0 - minimum,
        ).model_copy(update={"baseline": "champion", "interval_end": end})
        for end, minimum in minimums
        if minimum is not None
    ]


def _evaluate_slices(comparison: Comparison, criteria: Slices) -> list[CriterionResult]:
    """Evaluate each slice with enough rows. Limits that apply to none of them are an error."""
    large = [each for each in comparison.slices if each.rows >= criteria.smallest]
    if criteria.limits and not large:
        raise SettingsError(
            f"criteria: slices.limits are not measured: no slice of {criteria.column} has "
            f"{criteria.smallest} held-out rows"
        )
    directions = {each.name: each.direction for each in comparison.metrics}
    results = []
    for each in large:
        intervals = each.difference_intervals or {}
        measured = {
            name: Measurement(
                value,
                intervals.get(name),
                directions.get(name),
                comparison.champion is not None,
            )
            for name, value in each.metrics.items()
        }
        results += evaluate_limits(criteria.limits, measured, each.slice)
    return results


def _fairness_measurements(fairness: Fairness | None) -> dict[str, Measurement]:
    if fairness is None:
        return {}
    differences = {f"{name}_difference": value for name, value in fairness.differences.items()}
    largest = {f"{name}_most": value for name, value in fairness.most.items()}
    return {name: Measurement(value) for name, value in {**differences, **largest}.items()}


def _evaluate_profile(
    criteria: Criteria, comparison: Comparison, profile: DataProfile
) -> list[CriterionResult]:
    results = []
    # A default limit does not apply where overlap cannot be measured; one in the file fails then.
    if profile.overlap is not None or "overlap" in criteria.data.model_fields_set:
        share = None if profile.overlap is None else profile.overlap / comparison.rows
        limit = Limit(metric="overlap", at_most=criteria.data.overlap)
        results += evaluate_limits([limit], {"overlap": Measurement(share)})
    if criteria.data.drift is not None:
        limit = Limit(metric="drift", at_most=criteria.data.drift)
        for each in profile.drift or []:
            [result] = evaluate_limits([limit], {"drift": Measurement(each.psi)}, each.column)
            results.append(result.model_copy(update={"baseline": "champion"}))
    return results
