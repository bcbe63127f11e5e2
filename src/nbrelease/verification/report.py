"""The report of a verification: a state and a reason per check, as text, JSON or JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from nbrelease.attestation.problem import Problem

State = Literal["passed", "failed", "not applicable", "left out"]
MARKS: dict[State, str] = {
    "passed": "ok",
    "failed": "FAILED",
    "not applicable": "n/a",
    "left out": "left out",
}
# What a pack proves. A level claims no more than that.
LEVELS = {
    "none": "a check failed",
    "consistent": "complete and consistent; the author is not proved",
    "signed": "consistent, and signed with the key; the time is not proved",
}
SHOWN = 5


@dataclass(frozen=True)
class Result:
    """The result of one check. ``problems`` has all problems, ``reason`` the first in one line."""

    state: State
    reason: str
    problems: tuple[Problem, ...] = ()


def passed(reason: str) -> Result:
    """The check passed."""
    return Result("passed", reason)


def failed(problems: Sequence[Problem]) -> Result:
    """The check failed."""
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    first = "; ".join(f"{each.code} {each.message}" for each in problems[:SHOWN])
    return Result("failed", first + more, tuple(problems))


def not_applicable(reason: str) -> Result:
    """There is nothing to check."""
    return Result("not applicable", reason)


def left_out() -> Result:
    """The check was left out with ``--without``."""
    return Result("left out", "by request")


def passed_unless(problems: Sequence[Problem], reason: str) -> Result:
    """Passed where there are no problems, otherwise failed."""
    return failed(problems) if problems else passed(reason)


@dataclass(frozen=True)
class Report:
    """The report of one pack. ``outcome`` is the verdict in its record, with the reason."""

    pack: str
    results: Mapping[str, Result]
    outcome: str
    signers: Sequence[str] = ()

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return any(result.state == "failed" for result in self.results.values())

    @property
    def level(self) -> str:
        """What the pack proves: a key of :data:`LEVELS`."""
        if self.failed:
            return "none"
        return "signed" if self.signers else "consistent"

    @property
    def summary(self) -> str:
        """The counts in one line."""
        counts = Counter(result.state for result in self.results.values())
        return ", ".join(f"{counts[state]} {state}" for state in MARKS if counts[state])

    def text(self) -> str:
        """The report as plain text."""
        wide = max(map(len, self.results))
        lines = [f"{self.pack}: {self.outcome}"]
        for name, result in self.results.items():
            lines.append(f"  {MARKS[result.state]:8} {name:{wide}}  {result.reason}")
        lines.append(f"  {self.summary}")
        lines.append(f"  level {self.level}: {LEVELS[self.level]}")
        lines += [f"  signed with {signer}" for signer in self.signers]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The report as Markdown, for the summary of a pipeline run."""
        rows = [
            f"| {name} | {result.state} | {_escape_cell(result.reason)} |"
            for name, result in self.results.items()
        ]
        result = f"{self.summary}; level {self.level}: {LEVELS[self.level]}"
        head = [
            f"### Verification of {self.pack}",
            "",
            f"{_escape_cell(self.outcome)}. {result}.",
            "",
        ]
        return "\n".join([*head, "| check | state | reason |", "|---|---|---|", *rows, ""])

    def data(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "pack": self.pack,
            "outcome": self.outcome,
            "verified": not self.failed,
            "level": self.level,
            "level_means": LEVELS[self.level],
            "signers": list(self.signers),
            "checks": [
                {
                    "name": name,
                    "state": result.state,
                    "reason": result.reason,
                    "problems": [asdict(each) for each in result.problems],
                }
                for name, result in self.results.items()
            ],
        }


def junit(reports: Sequence[Report]) -> str:
    """All reports as JUnit XML: a test suite per pack, a test case per check."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        states = Counter(result.state for result in report.results.values())
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=report.pack,
            tests=str(len(report.results)),
            failures=str(states["failed"]),
            errors="0",
            skipped=str(states["not applicable"] + states["left out"]),
        )
        for name, result in report.results.items():
            case = ElementTree.SubElement(suite, "testcase", classname=report.pack, name=name)
            if result.state == "failed":
                failure = ElementTree.SubElement(case, "failure", message=result.reason)
                failure.text = "\n".join(f"{each.code} {each.message}" for each in result.problems)
            elif result.state != "passed":
                message = f"{result.state}: {result.reason}"
                ElementTree.SubElement(case, "skipped", message=message)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode")


def _escape_cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
