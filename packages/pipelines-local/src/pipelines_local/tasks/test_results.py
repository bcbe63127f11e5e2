"""PublishTestResults@2 for JUnit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from pipelines_local.tasks.context import TaskContext, TaskFailed
from pipelines_local.tasks.report_files import find_reports, keep_report, parse_report


@dataclass
class TestCounts:
    """The counts of one publication."""

    title: str
    files: int = 0
    total: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def passed(self) -> int:
        """Tests that ran and did not fail."""
        return self.total - self.failed - self.skipped

    def add_file(self, path: Path) -> None:
        """Count the tests of a JUnit file.

        Raises:
            ValueError: the file is not a JUnit file.
            ElementTree.ParseError: invalid XML.
        """
        root = parse_report(path)
        if root.tag not in ("testsuite", "testsuites"):
            raise ValueError(f"the root element is <{root.tag}>")
        self.files += 1
        for case in root.iter("testcase"):
            self.total += 1
            tags = {child.tag for child in case}
            if tags & {"failure", "error"}:
                self.failed += 1
            elif "skipped" in tags:
                self.skipped += 1


def publish_test_results(context: TaskContext) -> None:
    """Run PublishTestResults@2."""
    folder = context.path("searchfolder", context.folders.sources)
    patterns = context.text("testresultsfiles", "**/TEST-*.xml")
    paths = find_reports(folder, patterns)
    if not paths:
        message = f"No test result files matching {patterns!r} were found."
        _report(context, "failtaskonmissingresultsfile", "missing-test-results", message)
        return
    counts = TestCounts(context.text("testruntitle", context.job))
    for path in paths:
        try:
            counts.add_file(path)
        except (ElementTree.ParseError, OSError, ValueError) as error:
            message = f"{path}: not a JUnit file ({error})"
            _report(context, "failtaskonfailuretopublishresults", "invalid-test-results", message)
            continue
        keep_report(path, context.run_folder / "tests")
    context.add_tests({**asdict(counts), "passed": counts.passed})
    context.log(
        f"{counts.title}: {counts.total} tests, {counts.passed} passed, {counts.failed} failed, "
        f"{counts.skipped} skipped"
    )
    if counts.failed:
        message = f"There are {counts.failed} failed tests in {counts.title}"
        _report(context, "failtaskonfailedtests", "failed-tests", message)


def _report(context: TaskContext, flag: str, code: str, message: str) -> None:
    """Fail the task if the input ``flag`` is true, else add a warning."""
    if context.flag(flag):
        raise TaskFailed(code, message)
    context.add_issue("warning", code, message)
