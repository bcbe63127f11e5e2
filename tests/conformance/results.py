"""The catalog of Microsoft's tests, the outcomes of a run, and the table that is printed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

FILE = "results.jsonl"
REFUSED = "NotSupportedLocally"
"""The code of azureml-local's errors for operations that it does not support."""
COLUMNS = ("passed", "failed", "refused", "not run", "local", "azure-only", "broken")


@dataclass(frozen=True)
class Catalog:
    """Microsoft's tests by folder and kind, and the number that must pass in each folder."""

    local: dict[str, list[str]]
    azure_only: Counter[str]
    broken: Counter[str]
    floors: dict[str, int]

    @classmethod
    def read(cls, folder: Path) -> Catalog:
        """Read `tests.json` and `floors.json`."""
        tests = json.loads((folder / "tests.json").read_text(encoding="utf-8"))
        local: dict[str, list[str]] = {}
        for test in tests["local"]:
            local.setdefault(folder_of(test), []).append(test)
        return cls(
            local,
            Counter(map(folder_of, tests["azure_only"])),
            Counter(map(folder_of, tests["broken"])),
            json.loads((folder / "floors.json").read_text(encoding="utf-8")),
        )

    @property
    def folders(self) -> list[str]:
        """The folders that have local tests."""
        return sorted(self.local)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test: passed, failed, refused (by the server, with 501) or not run."""

    test: str
    result: str
    reason: str = ""


def folder_of(test: str) -> str:
    """The folder of a test; `other` for tests in files outside of a folder."""
    parts = test.split("::")[0].split("/")
    return parts[1] if len(parts) > 2 else "other"


def read(work: Path, catalog: Catalog) -> dict[str, list[Outcome]]:
    """The last outcomes of each folder; folders without results are left out."""
    outcomes = {}
    for folder, tests in catalog.local.items():
        file = work / "results" / folder / FILE
        if file.parent.is_dir():
            lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            outcomes[folder] = _outcomes(tests, [json.loads(line) for line in lines])
    return outcomes


def _outcomes(tests: list[str], lines: list[dict[str, str]]) -> list[Outcome]:
    reports: dict[str, dict[str, str]] = {}
    for line in lines:  # the report of a failed teardown follows that of the passed test
        if line["test"] not in reports or line["outcome"] == "failed":
            reports[line["test"]] = line
    return [_outcome(test, reports.get(test)) for test in tests]


def _outcome(test: str, report: dict[str, str] | None) -> Outcome:
    if report is None or report["outcome"] == "skipped":
        return Outcome(test, "not run", report["text"][-200:] if report else "not collected")
    if report["outcome"] == "passed":
        return Outcome(test, "passed")
    errors = [line[2:].strip() for line in report["text"].splitlines() if line.startswith("E ")]
    reason = next((line for line in errors if line), report["text"][-200:])
    return Outcome(test, "refused" if REFUSED in report["text"] else "failed", reason[:240])


def table(catalog: Catalog, outcomes: dict[str, list[Outcome]]) -> str:
    """The counts by folder as text."""
    rows: dict[str, Counter[str]] = {}
    for folder in sorted({*catalog.local, *catalog.azure_only, *catalog.broken}):
        counts = Counter(outcome.result for outcome in outcomes.get(folder, []))
        counts["local"] = len(catalog.local.get(folder, []))
        counts["azure-only"] = catalog.azure_only[folder]
        counts["broken"] = catalog.broken[folder]
        rows[folder] = counts
    rows["all"] = sum(rows.values(), Counter())
    lines = ["folder".ljust(22) + "".join(name.rjust(11) for name in COLUMNS)]
    for folder, counts in rows.items():
        cells = "".join(str(counts[name]).rjust(11) for name in COLUMNS)
        lines.append(folder.ljust(22) + cells)
    return "\n".join(lines)


def details(outcomes: dict[str, list[Outcome]], folders: list[str]) -> list[str]:
    """A line for each test that did not pass, in these folders or all."""
    return [
        f"{outcome.result}  {outcome.test}\n    {outcome.reason}"
        for folder, of_folder in sorted(outcomes.items())
        if not folders or folder in folders
        for outcome in of_folder
        if outcome.result != "passed"
    ]


def shortfalls(
    catalog: Catalog, outcomes: dict[str, list[Outcome]], folders: list[str]
) -> list[str]:
    """A line for each folder, of these or all, in which fewer tests pass than its floor."""
    lines = []
    for folder in folders or catalog.folders:
        passed = sum(outcome.result == "passed" for outcome in outcomes.get(folder, []))
        floor = catalog.floors[folder]
        if passed < floor:
            lines.append(f"error: {folder}: {passed} tests passed, floors.json requires {floor}")
    return lines
