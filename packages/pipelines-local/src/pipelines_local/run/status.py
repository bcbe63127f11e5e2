"""The status functions, as each place sees them: a step its job, a job and a stage what they need.

The default condition looks at direct and indirect dependencies, and a skipped one is no success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines_local.results import GOOD, Result

BAD = ("Failed", "Rejected")


@dataclass(frozen=True)
class StepStatus:
    """``result`` is that of the job so far, ``canceled`` whether the run was cancelled."""

    result: Result
    canceled: bool

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """The answer of a status function."""
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
class GraphStatus:
    """Of a job or a stage.

    Attributes:
        results: of all others by lower-case name.
        needs: all direct and indirect dependencies, in lower case.
    """

    results: Mapping[str, Result]
    needs: frozenset[str]
    canceled: bool

    def check(self, function: str, names: tuple[str, ...]) -> bool:
        """The answer of a status function; a name that is no dependency counts as skipped."""
        asked = [name.lower() for name in names] or sorted(self.needs)
        known = {name: self.results[name] for name in self.needs if name in self.results}
        found = [known.get(name, "Skipped") for name in asked]
        match function:
            case "always":
                return True
            case "canceled":
                return self.canceled
            case "failed":
                return not self.canceled and any(result in BAD for result in found)
            case "succeeded":
                return not self.canceled and all(result in GOOD for result in found)
            case _:
                ran = any(result in GOOD or result in BAD for result in found)
                return not self.canceled and (ran or not found)


def needs(name: str, depends: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Direct and indirect dependencies of ``name``; all names in lower case."""
    found: set[str] = set()
    todo = list(depends[name])
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo.extend(depends[one])
    return frozenset(found)


def stage_result(results: list[Result]) -> Result:
    """The result of a stage out of those of its jobs."""
    bad: Result
    for bad in ("Failed", "Canceled"):
        if bad in results:
            return bad
    if "SucceededWithIssues" in results:
        return "SucceededWithIssues"
    return "Succeeded" if "Succeeded" in results else "Skipped"


def overall(results: list[Result], canceled: bool) -> Result:
    """The result of a run out of those of its stages."""
    if canceled:
        return "Canceled"
    return "Rejected" if "Rejected" in results else stage_result(results)
