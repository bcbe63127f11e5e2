"""Names and quota of the Azure ML resources that a job creates with ``az ml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipelines_local.azure_warnings.az_calls import AzCall
from pipelines_local.azure_warnings.job_scripts import JobScripts, warning
from pipelines_local.errors import Diagnostic, InvalidPipeline
from pipelines_local.model import Step
from pipelines_local.tasks.specs import TASKS
from pipelines_local.yamltree import Mapping, Scalar, load

_DOCS = "https://learn.microsoft.com/azure/machine-learning"
_QUOTAS = f"{_DOCS}/how-to-manage-quotas"
_ENDPOINTS = ("ml online-endpoint create", "ml batch-endpoint create")
_NAME_RULE = (
    re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]\Z"),
    "3 to 32 letters, digits and hyphens, starts with a letter, does not end with a hyphen",
)
_ASSET_RULE = (
    re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}\Z"),
    "1 to 255 letters, digits, '.', '_' and '-', starts with a letter or a digit",
)
_RULES = {
    **dict.fromkeys(_ENDPOINTS, ("endpoint-name", *_NAME_RULE)),
    "ml online-deployment create": ("endpoint-name", *_NAME_RULE),
    "ml batch-deployment create": ("endpoint-name", *_NAME_RULE),
    "ml compute create": ("compute-name", *_NAME_RULE),
    **{
        f"ml {kind} create": ("asset-name", *_ASSET_RULE)
        for kind in ("model", "environment", "data", "component")
    },
}
_DEPLOYS_ONLINE = ("ml online-deployment create", "ml online-deployment update")


def check_resources(job: JobScripts) -> Iterator[Diagnostic]:
    """Check the resources that each step creates."""
    for step in job.steps:
        for call in job.az_calls(step):
            yield from _check_name(job, step, call)
            if call.command in _DEPLOYS_ONLINE:
                yield warning(
                    "deployment-quota",
                    step,
                    "an online deployment of N instances needs the quota of 1.2 N, rounded up: two "
                    "instances for one",
                    "check the quota of the VM size in the workspace",
                    "https://github.com/MicrosoftLearning/mslearn-azure-ml/issues/30",
                )


def _check_name(job: JobScripts, step: Step, call: AzCall) -> Iterator[Diagnostic]:
    if call.command not in _RULES:
        return
    code, allowed, rule = _RULES[call.command]
    name = _name(job, step, call)
    if name and not allowed.match(name):
        message = f"Azure ML does not accept the name {name!r}"
        yield warning(code, step, message, f"valid: {rule}", _QUOTAS)


def _name(job: JobScripts, step: Step, call: AzCall) -> str:
    """Return the name of the resource, from the option or from its file; empty if unknown."""
    if call.has("-n", "--name"):
        return call.option("-n", "--name")
    path = job.find_file(step, call.text("-f", "--file"))
    if path is None:
        return ""
    try:
        document = load(path)
    except (InvalidPipeline, OSError):  # the step reports it
        return ""
    name = document.get("name") if isinstance(document, Mapping) else None
    return name.text if isinstance(name, Scalar) and "$" not in name.text else ""


def check_unique_endpoints(jobs: Iterable[JobScripts]) -> Iterator[Diagnostic]:
    """Warn about endpoints with one name in several workspaces: it is unique in a region."""
    places: dict[str, tuple[str, str, str]] = {}
    for job in jobs:
        for step in job.steps:
            connection = step.inputs.get(TASKS[step.task].connection, "")
            for call in job.az_calls(step):
                name = _name(job, step, call).lower() if call.command in _ENDPOINTS else ""
                if not name:
                    continue
                group, workspace = (
                    call.option("-g", "--resource-group"),
                    call.option("-w", "--workspace-name"),
                )
                place = connection, group, workspace
                first = places.setdefault(name, place)
                if any(
                    one and other and one != other for one, other in zip(first, place, strict=True)
                ):
                    yield warning(
                        "endpoint-not-unique",
                        step,
                        f"the endpoint {name!r} exists already in another workspace; if both are "
                        "in one region, this fails",
                        "use a name for each workspace, for example with a suffix from a variable",
                        "https://github.com/Azure/mlops-project-template/issues/29",
                    )
