"""Failed tests that do not fail the run."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic

_SOURCE = (
    "https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-test-results-v2"
)


def check_test_results(job: JobScripts) -> Iterator[Diagnostic]:
    """PublishTestResults succeeds even if tests failed, unless it has the input."""
    for step in job.steps:
        if step.task == "PublishTestResults@2" and "failtaskonfailedtests" not in step.inputs:
            yield warning(
                "failed-tests-ignored",
                step,
                "failed tests do not fail this step",
                "set failTaskOnFailedTests: true (or false on purpose)",
                _SOURCE,
            )
