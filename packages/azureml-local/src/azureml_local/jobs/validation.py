"""Validation of submitted jobs: what can be checked before a job runs is refused at submission."""

from __future__ import annotations

import re

from azureml_local import compute
from azureml_local.assets.environments import check_environment
from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import CODES
from azureml_local.documents.jobs import JobProperties
from azureml_local.durations import parse_duration
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs import inputs
from azureml_local.jobs.completion import check_services
from azureml_local.jobs.distribution import instance_count, parse_distribution
from azureml_local.jobs.parallel_settings import ParallelSettings
from azureml_local.jobs.records import Job
from azureml_local.json_fields import object_of, text_of
from azureml_local.state import Workspace

NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_\-]{0,254}\Z")
FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]{0,254}\Z")
KINDS = ("Command", "Pipeline", "Sweep")


def check_job(job: Job, properties: JobProperties) -> None:
    """Refuse a job that cannot run.

    Raises:
        BadRequest: a field is not valid.
        NotFound: an asset or a compute does not exist.
        NotSupported: azureml-local does not run jobs of this type.
    """
    if not NAME.match(job.name):
        raise BadRequest(
            f"job name {job.name!r} is not valid: use letters, digits, '_' and '-', at most 255",
            "UserError",
            target="name",
        )
    kind = properties.get("jobType")
    if kind not in KINDS:
        raise NotSupported(
            f"Jobs - Create or update: {kind} jobs are not supported by azureml-local; it runs "
            f"jobs of these types: {', '.join(KINDS)}"
        )
    check_services(properties)
    text_of(properties, "experimentName")
    object_of(properties, "tags")
    _check_names(properties)
    for value in object_of(properties, "inputs").values():
        check_input(job.workspace, value)
    for value in object_of(properties, "outputs").values():
        inputs.check_output(value)
    if kind == "Command":
        check_command(job.workspace, properties)


def check_command(workspace: Workspace, properties: JobProperties) -> None:
    """Refuse a command job, or a step made from a command component, that cannot run."""
    _check_names(properties)
    if not text_of(properties, "command").strip():
        raise BadRequest("command: a command job must have one", "UserError", target="command")
    parse_distribution(properties)
    _check_execution(workspace, properties)
    input_names = dict.fromkeys(object_of(properties, "inputs"), "x")
    output_names = dict.fromkeys(object_of(properties, "outputs"), "x")
    inputs.render_command(properties["command"], input_names, output_names)


def check_parallel(workspace: Workspace, properties: JobProperties) -> None:
    """Refuse a parallel step that cannot run."""
    _check_names(properties)
    settings = ParallelSettings.parse(object_of(properties, "parallel"))
    settings.check_expressions(object_of(properties, "inputs"), object_of(properties, "outputs"))
    _check_execution(workspace, properties)


def _check_execution(workspace: Workspace, properties: JobProperties) -> None:
    """Refuse a job whose environment, code, compute, limits or variables are not valid."""
    timeout_of(properties)
    environment = text_of(properties, "environmentId")
    if not environment:
        raise BadRequest(
            "environmentId: a job must have an environment", "UserError", target="environmentId"
        )
    check_environment(workspace, environment)
    code = text_of(properties, "codeId")
    if code:
        Assets(workspace, CODES).find_by_id(code)
    target = compute.compute_name(text_of(properties, "computeId"))
    if target == "local":
        raise NotSupported(
            "Jobs - Create or update: compute 'local' is not supported by azureml-local; name a "
            "cluster or leave it out, every job runs on this machine"
        )
    if target:
        _check_instances(properties, target, compute.max_concurrent_jobs(workspace, target))
    for key, value in object_of(properties, "environmentVariables").items():
        if not isinstance(value, str) or "\0" in value or not re.fullmatch(r"[^=\0]+", key):
            raise BadRequest(f"environmentVariables: {key!r} is not valid", "UserError")


def _check_instances(properties: JobProperties, target: str, instances: int) -> None:
    """Refuse a job that needs more instances than its compute can have."""
    count = instance_count(properties)
    if count > instances:
        raise BadRequest(
            f"resources.instance_count: the job needs {count} instances, compute {target} has at "
            f"most {instances}",
            "UserError",
            target="resources",
        )


def _check_names(properties: JobProperties) -> None:
    """Names of inputs and outputs become names of folders."""
    for field in ("inputs", "outputs"):
        for name in object_of(properties, field):
            if not FIELD.match(name):
                raise BadRequest(
                    f"{field}: name {name!r} is not valid: it must start with a letter or '_', "
                    "contain only letters, digits, '_', '-' and '.', and have at most 255 "
                    "characters",
                    "UserError",
                    target=field,
                )


def timeout_of(properties: JobProperties) -> float | None:
    """A job's ``limits.timeout`` in seconds; None without one.

    Raises:
        BadRequest: it is not an ISO 8601 duration.
    """
    timeout = object_of(properties, "limits").get("timeout")
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        return float(timeout)  # steps of pipelines have a number of seconds
    return parse_duration(timeout, "limits").total_seconds()


def check_input(workspace: Workspace, value: object) -> None:
    """Refuse an input with an unknown type or mode, or whose asset does not exist.

    Raises:
        BadRequest: the type, mode or address is not valid.
        NotFound: the asset does not exist.
    """
    if not isinstance(value, dict):
        raise BadRequest(
            f"inputs: an input must be an object (got {value!r})", "UserError", target="inputs"
        )
    kind = text_of(value, "jobInputType", "literal")
    if kind not in inputs.TYPES:
        raise BadRequest(
            f"inputs: type {kind!r} is unknown; use one of {', '.join(inputs.TYPES)}",
            "UserError",
            target="inputs",
        )
    mode = text_of(value, "mode", inputs.MOUNT)
    if mode not in inputs.MODES:
        raise BadRequest(
            f"inputs: mode {mode!r} is unknown; use one of {', '.join(inputs.MODES)}",
            "UserError",
            target="inputs",
        )
    if kind != "literal":
        inputs.check_reference(workspace, text_of(value, "uri"))
