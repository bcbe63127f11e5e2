"""Output variables of steps without a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic

_OUTPUT = re.compile(
    r"##vso\[task\.setvariable\s(?=[^\]]*\bisoutput=true\b)[^\]]*\bvariable=([^;\]]+)",
    re.IGNORECASE,
)
_SOURCE = (
    "https://learn.microsoft.com/azure/devops/pipelines/process/set-variables-scripts"
    "#set-an-output-variable-for-use-in-the-same-job"
)


def check_step_outputs(job: JobScripts) -> Iterator[Diagnostic]:
    """An output variable is ``$(STEP.NAME)``, so its step needs a name."""
    for step in job.steps:
        names = _OUTPUT.findall(job.script(step) or "")
        if names and not step.name:
            variables = ", ".join(dict.fromkeys(names))
            yield warning(
                "output-without-name",
                step,
                f"the step has no name, so its output variables are not set: {variables}",
                "add 'name: STEP' to the step and use $(STEP.VARIABLE)",
                _SOURCE,
            )
