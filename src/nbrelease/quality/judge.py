"""Everything that is known of a challenger, held against the criteria in one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.errors import SettingsError
from nbrelease.quality.criteria import Criteria, Limit, Slices, judge
from nbrelease.records.criterion import CriterionResult


def everything(
    comparison: Mapping[str, Any],
    fairness: Mapping[str, Any] | None,
    profile: Mapping[str, Any],
    criteria: Criteria,
) -> list[CriterionResult]:
    """Each limit on the model and its data.

    Args:
        comparison: of :func:`nbrelease.quality.compare.compare`.
        fairness: of :func:`nbrelease.quality.responsible.fairness`.
        profile: of :func:`nbrelease.quality.data.profile`, with the drift against the champion's
            data where there is a champion.
        criteria: the limits.

    Raises:
        SettingsError: a limit names what nothing measures.
    """
    sample = Limit(metric="rows", at_least=criteria.smallest_sample)
    results = judge([sample, *criteria.metrics], _numbers(comparison))
    if criteria.slices is not None:
        results += _slices(comparison["slices"], criteria.slices)
    differences = (fairness or {}).get("differences", {})
    measured = {f"{name}_difference": value for name, value in differences.items()}
    measured |= {f"{name}_most": value for name, value in (fairness or {}).get("most", {}).items()}
    results += judge(criteria.fairness, measured)
    if profile.get("overlap") is not None:
        share = {"overlap": profile["overlap"] / comparison["rows"]}
        limit = Limit(metric="overlap", at_most=criteria.data.overlap)
        results += judge([limit], share)
    if criteria.data.drift is not None:
        limit = Limit(metric="drift", at_most=criteria.data.drift)
        for each in profile.get("drift") or []:
            [found] = judge([limit], {"drift": _number(each["psi"])}, each["column"])
            results.append(found.model_copy(update={"baseline": "champion"}))
    return results


def _slices(measured: list[Mapping[str, Any]], asked: Slices) -> list[CriterionResult]:
    """Each limit of each band with enough rows; limits that no band is large enough for: error."""
    large = [each for each in measured if each["rows"] >= asked.smallest]
    if asked.limits and not large:
        raise SettingsError(
            f"criteria: nothing measures slices.limits: no band of {asked.column} has "
            f"{asked.smallest} held-out rows"
        )
    results = []
    for each in large:
        numbers = {name: _number(value) for name, value in each["metrics"].items()}
        for name, interval in (each.get("difference_intervals") or {}).items():
            if interval is not None:
                numbers |= _ends(name, interval)
        results += judge(asked.limits, numbers, each["slice"])
    return results


def _numbers(comparison: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a comparison by the names that limits call them."""
    numbers: dict[str, float] = {"rows": float(comparison["rows"])}
    for metric in comparison["metrics"]:
        numbers[metric["name"]] = metric["challenger"]
        if metric["difference_interval"] is not None:
            numbers |= _ends(metric["name"], metric["difference_interval"])
    return numbers


def _ends(name: str, interval: list[float]) -> dict[str, float]:
    return {f"{name}.difference_low": interval[0], f"{name}.difference_high": interval[1]}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
