"""Login, configuration and extension of ``az`` in the steps of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines_local.azure_warnings.az_calls import join_lines
from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic
from pipelines_local.model import Step
from pipelines_local.tasks.azure_cli import CALLS_AZ, SETS_DEFAULTS

_LONG_COMMANDS = re.compile(
    r"--stream\b|\bjob\s+stream\b|\bonline-deployment\s+(create|update)\b"
    r"|\b(while|until)\b.*\bsleep\s|\bsleep\s+(\d{4,}|[6-9]\d\d)",
    re.DOTALL,
)
_CALLS_PIP = re.compile(r"\bpython3?\s+-m\s+pip\b")
_COMMAND = re.compile(
    r"(?:^|&&|\|\||;|\||\$\(|\b(?:then|else|do)\b)\s*(?:[A-Za-z_]\w*=[^\s$]*\s+)*([^\s;|&()$]+)",
    re.MULTILINE,
)
_PROGRAM = re.compile(r"[A-Za-z./][\w./-]*\Z")
_SHORT_PROGRAMS = frozenset(
    """
    apt apt-get awk az basename break cat cd chmod cp curl cut date declare dirname do done echo
    elif else env exit export false fi for grep head if jq local ls mkdir mv pip pip3 printf pwd
    read return rm sed set shift sleep sort source sudo tail tar tee test then tr true unset unzip
    wc wget xargs
    """.split()  # noqa: SIM905 - a list has one word a line
)
_ADDS_EXTENSION = re.compile(
    r"\bextension\s+add\b[^\n]*(\bml\b|\$|source)|use_dynamic_install|AZURE_EXTENSION"
)
_LOGS_IN = re.compile(r"\baz\s+login\b|\bmsi\b")


def check_logins(job: JobScripts) -> Iterator[Diagnostic]:
    """Check the steps of a job that call ``az``."""
    for step in job.steps:
        if step.task.startswith("AzureCLI@"):
            yield from _check_session(job, step)
    yield from _check_defaults(job)
    if job.is_hosted:
        yield from _check_extension(job)
        yield from _check_script_steps(job)


def _check_session(job: JobScripts, step: Step) -> Iterator[Diagnostic]:
    """The ID token of workload identity federation is valid for about ten minutes."""
    limit = step.timeout or job.job.timeout
    script = job.script(step)
    has_time = limit is None or (limit if step.timeout else limit - 3000) > 600
    is_long = (has_time and _may_take_long(script)) or _LONG_COMMANDS.search(script or "")
    if is_long and step.inputs.get("keepazsessionactive", "").lower() != "true":
        yield warning(
            "az-session-expires",
            step,
            "after 10 minutes the step cannot get a token for a new resource, after an hour for "
            "any (AADSTS700024), if the service connection uses workload identity federation",
            "set keepAzSessionActive: true, or use AzurePipelinesCredential of azure-identity",
            "https://github.com/Azure/azure-cli/issues/28708",
        )


def _may_take_long(script: str | None) -> bool:
    """Whether a script has a command that is not known to end soon."""
    if script is None or not script:
        return True
    text = join_lines(script)
    words = (match[1] for match in _COMMAND.finditer(_CALLS_PIP.sub("pip", text)))
    return any(_PROGRAM.match(word) and word not in _SHORT_PROGRAMS for word in words)


def _check_defaults(job: JobScripts) -> Iterator[Diagnostic]:
    """``az configure`` in one AzureCLI step does not reach the next one."""
    steps = [
        step
        for step in job.steps
        if step.task.startswith("AzureCLI@")
        and step.inputs.get("useglobalconfig", "").lower() != "true"
    ]
    for number, step in enumerate(steps):
        later = (job.script(other) or "" for other in steps[number + 1 :])
        if SETS_DEFAULTS.search(job.script(step) or "") and any(map(CALLS_AZ.search, later)):
            yield warning(
                "az-config-not-shared",
                step,
                "'az configure' does not reach later steps",
                "set useGlobalConfig: true in these steps, or pass the values as options",
                "https://github.com/microsoft/azure-pipelines-tasks/issues/22362",
            )


def _check_extension(job: JobScripts) -> Iterator[Diagnostic]:
    """The images have no extension ``ml``; the local ``az`` always has it."""
    for step in job.steps:
        script = job.script(step)
        if script is None or _ADDS_EXTENSION.search(script):
            return
        if any(call.command.startswith("ml ") for call in job.az_calls(step)):
            yield warning(
                "az-extension-missing",
                step,
                "'az ml' fails because the image does not have the extension ml",
                "run 'az extension add -n ml -y' in an earlier step of the job",
                "https://github.com/Azure/azure-cli-extensions/issues/4592",
            )
            return


def _check_script_steps(job: JobScripts) -> Iterator[Diagnostic]:
    """Only AzureCLI steps are logged in."""
    scripts = [(step, job.script(step)) for step in job.steps]
    if any(script is None or _LOGS_IN.search(script) for _, script in scripts):
        return
    for step, _ in scripts:
        if step.task.startswith("AzureCLI@"):
            continue
        if any(call.command.startswith("ml ") for call in job.az_calls(step)):
            yield warning(
                "az-not-logged-in",
                step,
                "'az ml' fails because only AzureCLI steps are logged in",
                "use the task AzureCLI@2 with a service connection",
                "https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/azure-cli-v2",
            )
