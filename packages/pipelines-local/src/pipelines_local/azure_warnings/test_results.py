"""Failed tests that do not fail the run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines_local.azure_warnings.az_calls import join_lines
from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic
from pipelines_local.model import Step

_SOURCE = (
    "https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-test-results-v2"
)
_RUNS_TESTS = re.compile(r"\b(?:pytest|unittest|tox|nox|nosetests)\b")
_INSTALLS = re.compile(r"\b(?:pip|conda|uv)\b[^\n;&|]*\binstall\b[^\n;&|]*")
_IGNORES_FAILURES = re.compile(r"--exit-zero\b|\|\|\s*(?:true|:|exit 0|echo)|^\s*exit 0\b", re.M)
_ENDS = ("", "fi", "done", "}", '"', "'")


def check_test_results(job: JobScripts) -> Iterator[Diagnostic]:
    """PublishTestResults succeeds even if tests failed, unless it has the input.

    There is no warning if the commands that run the tests fail the job themselves.
    """
    if _tests_fail_the_job(job):
        return
    for step in job.steps:
        if step.task == "PublishTestResults@2" and "failtaskonfailedtests" not in step.inputs:
            yield warning(
                "failed-tests-ignored",
                step,
                "failed tests do not fail this step",
                "set failTaskOnFailedTests: true (or false on purpose)",
                _SOURCE,
            )


def _tests_fail_the_job(job: JobScripts) -> bool:
    scripts = [(step, join_lines(job.script(step) or "")) for step in job.steps]
    if any(_IGNORES_FAILURES.search(script) for _, script in scripts):
        return False
    tests = [(step, script) for step, script in scripts if _runs_tests(script)]
    return bool(tests) and all(_fails_with_its_tests(step, script) for step, script in tests)


def _runs_tests(script: str) -> bool:
    return _RUNS_TESTS.search(_INSTALLS.sub("", script)) is not None


def _fails_with_its_tests(step: Step, script: str) -> bool:
    """Whether the step fails if its tests fail: bash runs without ``set -e``."""
    if step.continue_on_error:
        return False
    if re.search(r"^\s*set\s+-\w*e", script, re.MULTILINE):
        return True
    lines = [line.strip() for line in script.splitlines() if line.strip() not in _ENDS]
    return all(not _runs_tests(line) for line in lines[:-1])
