"""Everything that is known of a challenger, held against the criteria in one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.quality.criteria import Criteria, Judged, Limit, judge


def everything(
    comparison: Mapping[str, Any],
    fairness: Mapping[str, Any] | None,
    profile: Mapping[str, Any],
    criteria: Criteria,
) -> list[Judged]:
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
        for each in comparison["slices"]:
            if each["rows"] >= criteria.slices.smallest:
                measured = {n: _number(value) for n, value in each["metrics"].items()}
                results += judge(criteria.slices.limits, measured, each["slice"])
    differences = (fairness or {}).get("differences", {})
    measured = {f"{name}_difference": value for name, value in differences.items()}
    results += judge(criteria.fairness, measured)
    if criteria.data.drift is not None:
        limit = Limit(metric="drift", at_most=criteria.data.drift)
        for each in profile.get("drift") or []:
            [found] = judge([limit], {"drift": _number(each["psi"])}, each["column"])
            results.append(found.model_copy(update={"relative": True}))
    return results


def _numbers(comparison: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a comparison by the names that limits call them."""
    numbers: dict[str, float] = {"rows": float(comparison["rows"])}
    for metric in comparison["metrics"]:
        numbers[metric["name"]] = metric["challenger"]
        if metric["difference_interval"] is not None:
            numbers[f"{metric['name']}.difference_low"] = metric["difference_interval"][0]
    return numbers


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
