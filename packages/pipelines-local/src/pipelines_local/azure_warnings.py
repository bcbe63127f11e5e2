"""Warnings about what works on this machine and fails on Azure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines_local.errors import Diagnostic
from pipelines_local.expressions.parser import Call, Expression, Filter, Index, Literal, Name
from pipelines_local.model import Condition, Job, Pipeline, Stage, Step
from pipelines_local.tasks.azure_cli import CALLS_AZ, SETS_DEFAULTS

_LONG_COMMANDS = re.compile(
    r"--stream\b|\bjob\s+stream\b|\b(online|batch)-(deployment|endpoint)\s+(create|update)\b"
    r"|\bsleep\s+\d"
)
_ENDPOINT = re.compile(r"\b(?:online|batch)-endpoint\s+create\b[^\n]*?\s(?:-n|--name)[\s=]+(\S+)")
_ASSET = re.compile(
    r"\b(?:model|environment|data|component)\s+create\b[^\n]*?\s(?:-n|--name)[\s=]+(\S+)"
)
_ENDPOINT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]\Z")
_ASSET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}\Z")
_UPDATES_DEPLOYMENT = re.compile(r"\bonline-deployment\s+update\b")
_DOCS = "https://learn.microsoft.com/azure/machine-learning"


def check_azure(pipeline: Pipeline) -> tuple[Diagnostic, ...]:
    """Return the warnings about a pipeline, in the order of the file."""
    warnings: list[Diagnostic] = []
    for stage in pipeline.stages:
        for job in stage.jobs:
            warnings += _check_outputs(stage, job)
            warnings += _check_az_defaults(job)
            for step in job.steps:
                warnings += step.warnings
                warnings += _check_step(job, step)
    return tuple(dict.fromkeys(warnings))


def _check_step(job: Job, step: Step) -> Iterator[Diagnostic]:
    if step.task.startswith("AzureCLI@"):
        yield from _check_session(job, step)
        yield from _check_script(step)
    elif step.task == "PublishTestResults@2" and "failtaskonfailedtests" not in step.inputs:
        yield _warning(
            "failed-tests-ignored", step, "failed tests do not fail this step",
            "set failTaskOnFailedTests: true (or false on purpose)",
            "https://learn.microsoft.com/azure/devops/pipelines/tasks/reference/publish-test-results-v2",
        )  # fmt: skip
    elif step.task == "UsePythonVersion@0":
        version = re.match(r"[=v\s]*(2|3\.[0-7])(\.|$)", step.inputs.get("versionspec", ""))
        if version and job.image.lower() in ("ubuntu-latest", "ubuntu-24.04"):
            yield _warning(
                "missing-python", step, f"Python {version[1]} is not available on {job.image}",
                "use a newer version, or the image ubuntu-22.04",
                "https://github.com/actions/setup-python/issues/962",
            )  # fmt: skip


def _check_session(job: Job, step: Step) -> Iterator[Diagnostic]:
    """The ID token of workload identity federation is valid for about ten minutes."""
    limit = step.timeout or job.timeout
    is_long = (
        limit is None
        or (limit if step.timeout else limit - 3000) > 600
        or _LONG_COMMANDS.search(step.inputs.get("inlinescript", ""))
    )
    if is_long and step.inputs.get("keepazsessionactive", "").lower() != "true":
        yield _warning(
            "az-session-expires", step,
            "after 10 minutes the step cannot get a token for a new resource, after an hour for "
            "any (AADSTS700024), if the service connection uses workload identity federation",
            "set keepAzSessionActive: true, or use AzurePipelinesCredential of azure-identity",
            "https://github.com/Azure/azure-cli/issues/28708",
        )  # fmt: skip


def _check_script(step: Step) -> Iterator[Diagnostic]:
    script = step.inputs.get("inlinescript", "").replace("\\\n", " ")
    for pattern, allowed, code, rule in (
        (_ENDPOINT, _ENDPOINT_NAME, "endpoint-name",
         "3 to 32 letters, digits and hyphens, starts with a letter, does not end with a hyphen"),
        (_ASSET, _ASSET_NAME, "asset-name",
         "1 to 255 letters, digits, '.', '_' and '-', starts with a letter or a digit"),
    ):  # fmt: skip
        for match in pattern.finditer(script):
            name = match[1].strip("\"'")
            if "$" not in name and not allowed.match(name):
                message = f"Azure does not accept the name {name!r}"
                source = f"{_DOCS}/how-to-manage-quotas"
                yield _warning(code, step, message, f"valid: {rule}", source)
    if _UPDATES_DEPLOYMENT.search(script):
        yield _warning(
            "deployment-quota", step,
            "an update of an online deployment needs 20 % more quota than its instances",
            "reserve the quota, or create a new deployment and move the traffic",
            f"{_DOCS}/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints",
        )  # fmt: skip


def _check_az_defaults(job: Job) -> Iterator[Diagnostic]:
    """``az configure`` in one AzureCLI step does not reach the next one."""
    steps = [
        step
        for step in job.steps
        if step.task.startswith("AzureCLI@")
        and step.inputs.get("useglobalconfig", "").lower() != "true"
    ]
    for number, step in enumerate(steps):
        later = (other.inputs.get("inlinescript", "") for other in steps[number + 1 :])
        sets_defaults = SETS_DEFAULTS.search(step.inputs.get("inlinescript", ""))
        if sets_defaults and any(CALLS_AZ.search(script) for script in later):
            yield _warning(
                "az-config-not-shared", step, "'az configure' does not reach later steps",
                "set useGlobalConfig: true in these steps, or pass the values as options",
                "https://github.com/microsoft/azure-pipelines-tasks/issues/22362",
            )  # fmt: skip


def _check_outputs(stage: Stage, job: Job) -> Iterator[Diagnostic]:
    """An output of a deployment job starts with the name of the job or of the hook."""
    deployments = {other.name.lower(): other for other in stage.jobs if other.environment}
    for tree, at in _expressions(job):
        for name, key in _output_references(tree):
            other = deployments.get(name.lower())
            prefixes = {phase.prefix.lower() for phase in other.phases} if other else set()
            if other and not key.lower().startswith(tuple(prefixes)):
                yield Diagnostic(
                    "deployment-output",
                    f"{key!r} is empty: {other.name} is a deployment job",
                    at.at,
                    "warning",
                    f"use outputs['{other.phases[0].prefix}{key}']",
                    "https://learn.microsoft.com/azure/devops/pipelines/process/deployment-jobs"
                    "#support-for-output-variables",
                )


def _expressions(job: Job) -> Iterator[tuple[Expression, Condition]]:
    if job.condition:
        yield job.condition.tree, job.condition
    if job.matrix:
        yield job.matrix.tree, job.matrix
    for variable in job.variables:
        if variable.tree is not None:
            yield variable.tree, Condition(variable.value, variable.tree, variable.at)


def _output_references(tree: Expression) -> Iterator[tuple[str, str]]:
    """Yield job and key of each ``dependencies.JOB.outputs['KEY']``."""
    match tree:
        case Index(
            base=Index(
                base=Index(base=Name(name="dependencies"), key=Literal(value=job)),
                key=Literal(value="outputs"),
            ),
            key=Literal(value=key),
        ):
            yield str(job), str(key)
        case Index():
            yield from _output_references(tree.base)
            yield from _output_references(tree.key)
        case Filter():
            yield from _output_references(tree.base)
        case Call():
            for argument in tree.arguments:
                yield from _output_references(argument)
        case _:
            return


def _warning(code: str, step: Step, message: str, fix: str, source: str) -> Diagnostic:
    return Diagnostic(code, f"on Azure: {message}", step.at, "warning", fix, source)
