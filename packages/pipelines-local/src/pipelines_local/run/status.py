"""Status functions of steps, jobs and stages, and the results that follow from them.

The default condition considers direct and indirect dependencies; a skipped one did not succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines_local.results import GOOD, Result

BAD = ("Failed", "Rejected")


@dataclass(frozen=True)
class StepStatus:
    """The status of a step's job: ``result`` so far, and whether the run was cancelled."""

    result: Result
    canceled: bool

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """Return the value of a status function."""
        match function:
            case "always":
                return True
            case "canceled":
                return self.canceled
            case "failed":
                return self.result == "Failed"
            case "succeeded":
                return self.result in GOOD
            case _:
                return self.result in (*GOOD, "Failed")


@dataclass(frozen=True)
class DependencyStatus:
    """The status of the dependencies of a job or a stage.

    Attributes:
        results: results by lower-case name.
        dependencies: all direct and indirect dependencies, in lower case.
    """

    results: Mapping[str, Result]
    dependencies: frozenset[str]
    canceled: bool

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """Return the value of a status function; a name that is no dependency is skipped."""
        requested = [name.lower() for name in names] or sorted(self.dependencies)
        known = {name: self.results[name] for name in self.dependencies if name in self.results}
        results = [known.get(name, "Skipped") for name in requested]
        match function:
            case "always":
                return True
            case "canceled":
                return self.canceled
            case "failed":
                return not self.canceled and any(result in BAD for result in results)
            case "succeeded":
                return not self.canceled and all(result in GOOD for result in results)
            case _:
                ran = any(result in GOOD or result in BAD for result in results)
                return not self.canceled and (ran or not results)


def transitive_dependencies(
    name: str, dependencies: Mapping[str, tuple[str, ...]]
) -> frozenset[str]:
    """Return the direct and indirect dependencies of ``name``; all names in lower case."""
    seen: set[str] = set()
    pending = list(dependencies[name])
    while pending:
        dependency = pending.pop()
        if dependency not in seen:
            seen.add(dependency)
            pending.extend(dependencies[dependency])
    return frozenset(seen)


def worse_result(one: Result, other: Result) -> Result:
    """Return the worse one of two results of steps or hooks."""
    order: tuple[Result, ...] = ("Succeeded", "SucceededWithIssues", "Failed", "Canceled")
    return max(one, other, key=order.index)


def stage_result(results: list[Result]) -> Result:
    """Return the result of a stage from the results of its jobs."""
    bad: Result
    for bad in ("Failed", "Canceled"):
        if bad in results:
            return bad
    if "SucceededWithIssues" in results:
        return "SucceededWithIssues"
    return "Succeeded" if "Succeeded" in results else "Skipped"


def run_result(results: list[Result], canceled: bool) -> Result:
    """Return the result of a run from the results of its stages."""
    if canceled:
        return "Canceled"
    return "Rejected" if "Rejected" in results else stage_result(results)
