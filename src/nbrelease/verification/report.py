"""What a verification found: a state and a reason for each check, as text, JSON or JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

State = Literal["passed", "failed", "not applicable", "left out"]
MARKS: dict[State, str] = {
    "passed": "ok",
    "failed": "FAILED",
    "not applicable": "n/a",
    "left out": "left out",
}
# What a pack proves, from nothing on; no more is claimed than that.
LEVELS = {
    "none": "this pack does not hold",
    "consistent": "whole and in agreement with itself; who wrote it is not proved",
    "signed": "consistent, and these very bytes were signed with the key; when is not proved",
}
SHOWN = 5


@dataclass(frozen=True)
class Result:
    """Of one check. ``problems`` has every one that was found, ``reason`` them in a line."""

    state: State
    reason: str
    problems: tuple[str, ...] = ()


def passed(reason: str) -> Result:
    """It holds."""
    return Result("passed", reason)


def failed(problems: Sequence[str]) -> Result:
    """It does not."""
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return Result("failed", "; ".join(problems[:SHOWN]) + more, tuple(problems))


def not_applicable(reason: str) -> Result:
    """There is nothing to check."""
    return Result("not applicable", reason)


def left_out() -> Result:
    """The caller asked not to check it."""
    return Result("left out", "the caller asked for that")


def judged(problems: Sequence[str], good: str) -> Result:
    """Passed with a reason where there is no problem."""
    return failed(problems) if problems else passed(good)


@dataclass(frozen=True)
class Report:
    """Of one pack. ``told`` is what the pack says became of the release."""

    pack: str
    results: Mapping[str, Result]
    told: str
    signers: Sequence[str] = ()

    @property
    def failed(self) -> bool:
        """Whether a check did not hold."""
        return any(result.state == "failed" for result in self.results.values())

    @property
    def level(self) -> str:
        """What is really proved: a key of :data:`LEVELS`."""
        if self.failed:
            return "none"
        return "signed" if self.signers else "consistent"

    @property
    def summary(self) -> str:
        """The counts in one line."""
        counts = Counter(result.state for result in self.results.values())
        found = [f"{counts[state]} {state}" for state in MARKS if counts[state]]
        return ", ".join(found)

    def text(self) -> str:
        """For people."""
        wide = max(map(len, self.results))
        lines = [f"{self.pack}: {self.told}"]
        for name, result in self.results.items():
            lines.append(f"  {MARKS[result.state]:8} {name:{wide}}  {result.reason}")
        lines.append(f"  {self.summary}")
        lines.append(f"  level {self.level}: {LEVELS[self.level]}")
        lines += [f"  signed with {signer}" for signer in self.signers]
        return "\n".join(lines)

    def markdown(self) -> str:
        """For the summary of a pipeline's run."""
        rows = [
            f"| {name} | {result.state} | {_cell(result.reason)} |"
            for name, result in self.results.items()
        ]
        found = f"{self.summary}; level {self.level}: {LEVELS[self.level]}"
        head = [f"### Verification of {self.pack}", "", f"{_cell(self.told)}. {found}.", ""]
        return "\n".join([*head, "| check | state | reason |", "|---|---|---|", *rows, ""])

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "pack": self.pack,
            "told": self.told,
            "verified": not self.failed,
            "level": self.level,
            "level_means": LEVELS[self.level],
            "signers": list(self.signers),
            "checks": [
                {
                    "name": name,
                    "state": result.state,
                    "reason": result.reason,
                    "problems": list(result.problems),
                }
                for name, result in self.results.items()
            ],
        }


def junit(reports: Sequence[Report]) -> str:
    """All packs as JUnit XML: a suite a pack, a case a check."""
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
                failure.text = "\n".join(result.problems)
            elif result.state != "passed":
                message = f"{result.state}: {result.reason}"
                ElementTree.SubElement(case, "skipped", message=message)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode")


def _cell(text: str) -> str:
    """A text within a table of Markdown."""
    return text.replace("|", "\\|").replace("\n", " ")
