"""Warnings about what works on this machine and fails on Azure.

Each warning has a code, a position, a fix and a source. A rule that cannot see a value, such as a
variable of bash or a script file, does not warn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pipelines_local.azure_warnings.agents import check_agent
from pipelines_local.azure_warnings.deployment_outputs import check_outputs
from pipelines_local.azure_warnings.job_scripts import JobScripts
from pipelines_local.azure_warnings.logins import check_logins
from pipelines_local.azure_warnings.resources import check_resources, check_unique_endpoints
from pipelines_local.azure_warnings.step_outputs import check_step_outputs
from pipelines_local.azure_warnings.test_results import check_test_results
from pipelines_local.errors import Diagnostic
from pipelines_local.model import Pipeline

_CHECKS: tuple[Callable[[JobScripts], Iterator[Diagnostic]], ...] = (
    check_outputs,
    check_agent,
    check_logins,
    check_resources,
    check_step_outputs,
    check_test_results,
)


def check_azure(
    pipeline: Pipeline, root: Path, values: Mapping[str, str] | None = None
) -> tuple[Diagnostic, ...]:
    """Return the warnings about a pipeline, each once.

    Args:
        pipeline: the pipeline.
        root: the repository; rules read files that a script names.
        values: variables of the caller and predefined ones.
    """
    warnings: list[Diagnostic] = []
    jobs = [
        JobScripts(pipeline, stage, job, root, values or {})
        for stage in pipeline.stages
        for job in stage.jobs
    ]
    for job in jobs:
        for step in job.job.steps:
            warnings += step.warnings
        for check in _CHECKS:
            warnings += check(job)
    warnings += check_unique_endpoints(jobs)
    return tuple(dict.fromkeys(warnings))
