"""The images of Microsoft-hosted agents, and the history of their checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic
from pipelines_local.model import Step

_IMAGES = "https://github.com/actions/runner-images/issues"
_RETIRED = {
    "ubuntu-16.04": f"{_IMAGES}/3287",
    "ubuntu-18.04": f"{_IMAGES}/6002",
    "ubuntu-20.04": f"{_IMAGES}/11101",
}
_OLDEST_PYTHON = {
    "ubuntu-22.04": ((3, 7), "https://github.com/actions/setup-python/issues/543"),
    "ubuntu-24.04": ((3, 8), "https://github.com/actions/setup-python/issues/962"),
    "ubuntu-latest": ((3, 8), "https://github.com/actions/setup-python/issues/962"),
}
_PYTHON = re.compile(r"[=v\s]*(\d+)\.(\d+)")
_NEEDS_HISTORY = re.compile(
    r"\bgit\s+(?:describe|merge-base|rev-list|blame|shortlog)\b"
    r"|\bgit\s+(?:diff|log|show|checkout|rebase)\b[^\n]*(?:HEAD[~^]|\borigin/|\.\.)"
)


def check_agent(job: JobScripts) -> Iterator[Diagnostic]:
    """Check image, Python and checkout of a job."""
    image = job.variables.expand(job.job.image).lower()
    steps = job.steps
    if image in _RETIRED and steps:
        yield Diagnostic(
            "retired-image",
            f"on Azure: the image {image} no longer exists",
            job.job.at,
            "warning",
            "use ubuntu-latest",
            _RETIRED[image],
        )
    for step in steps:
        if step.task == "UsePythonVersion@0":
            yield from _check_python(job, step, image)
    yield from _check_history(job)


def _check_python(job: JobScripts, step: Step, image: str) -> Iterator[Diagnostic]:
    text = job.variables.expand(step.inputs.get("versionspec", ""))
    version = _PYTHON.match(text)
    if version is None or image not in _OLDEST_PYTHON:
        return
    oldest, source = _OLDEST_PYTHON[image]
    if (int(version[1]), int(version[2])) < oldest:
        yield warning(
            "missing-python",
            step,
            f"Python {version[1]}.{version[2]} is not available on {image}",
            f"use Python {oldest[0]}.{oldest[1]} or newer",
            source,
        )


def _check_history(job: JobScripts) -> Iterator[Diagnostic]:
    """New pipelines fetch only one commit, and this machine all."""
    checkouts = [step for step in job.steps if step.task == "checkout"]
    depths = [step.inputs.get("fetchdepth", "") for step in checkouts]
    is_deployment = bool(job.job.environment) and not checkouts
    if is_deployment or any(depths) or any(s.inputs["repository"] == "none" for s in checkouts):
        return
    for step in job.steps:
        script = job.script(step) or ""
        match = _NEEDS_HISTORY.search(script)
        if match and "git fetch" not in script:
            yield warning(
                "shallow-fetch",
                step,
                f"{match[0]!r} needs the history, and a new pipeline fetches only one commit",
                "add a step 'checkout: self' with fetchDepth: 0",
                "https://github.com/microsoft/azure-pipelines-agent/issues/5514",
            )
