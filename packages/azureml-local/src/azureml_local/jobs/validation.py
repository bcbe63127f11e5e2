"""What a job must be to be accepted; everything that can be known at once is refused at once."""

from __future__ import annotations

import re
from typing import Any

from azureml_local import assets, compute
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs import environments, inputs
from azureml_local.state import State, Workspace, object_of, text_of

NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_\-]{0,254}\Z")
FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]{0,254}\Z")
KINDS = ("Command", "Pipeline")
DURATION = re.compile(
    r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z"
)  # ISO 8601, as the SDK writes limits.timeout


def check(state: State, workspace: Workspace, name: str, properties: dict[str, Any]) -> None:
    """Let only jobs pass that can be tried.

    Raises:
        BadRequest: the job says something impossible.
        NotFound: it names an asset that is not there.
        NotSupported: it is of a kind that this workspace does not run.
    """
    if not NAME.match(name):
        raise BadRequest(
            f"Job name {name!r} is not valid: letters, digits, '_' and '-', at most 255 characters",
            "UserError",
            target="name",
        )
    kind = properties.get("jobType")
    if kind not in KINDS:
        raise NotSupported(
            f"Jobs - Create or update: azureml-local runs command and pipeline jobs, no {kind} jobs"
        )
    text_of(properties, "experimentName")
    object_of(properties, "tags")
    _check_names(properties)
    for given in object_of(properties, "inputs").values():
        check_input(state, workspace, given)
    for given in object_of(properties, "outputs").values():
        inputs.check_output(given)
    if kind == "Command":
        check_command(state, workspace, properties)


def check_command(state: State, workspace: Workspace, properties: dict[str, Any]) -> None:
    """The same for what is a command's own: of a job, or of a step made from a component."""
    _check_names(properties)
    if not text_of(properties, "command").strip():
        raise BadRequest("a command job needs a command", "UserError", target="command")
    if properties.get("distribution"):
        raise NotSupported(
            "Jobs - Create or update with distribution: azureml-local runs a job in one process on "
            "one machine; take distribution out"
        )
    resources = object_of(properties, "resources")
    if resources.get("instanceCount", resources.get("instance_count", 1)) not in (1, "1", None):
        raise NotSupported(
            "Jobs - Create or update with instance_count above 1: azureml-local runs a job on one "
            "machine"
        )
    timeout_of(properties)
    _check_environment(state, workspace, text_of(properties, "environmentId"))
    code = text_of(properties, "codeId")
    if code:
        assets.find_by_id(state, workspace, "codes", code)
    named = compute.compute_name(text_of(properties, "computeId"))
    if named == "local":
        raise NotSupported("Jobs with compute 'local': every job runs here; name a cluster or none")
    if named:
        compute.max_concurrent_jobs(state, workspace, named)
    given = dict.fromkeys(object_of(properties, "inputs"), "x")
    out = dict.fromkeys(object_of(properties, "outputs"), "x")
    inputs.render_command(properties["command"], given, out)
    for key, value in object_of(properties, "environmentVariables").items():
        if not isinstance(value, str) or "\0" in value or not re.fullmatch(r"[^=\0]+", key):
            raise BadRequest(f"the environment variable {key!r} is not valid", "UserError")


def _check_names(properties: dict[str, Any]) -> None:
    """Names of inputs and outputs become names of folders."""
    for what in ("inputs", "outputs"):
        for name in object_of(properties, what):
            if not FIELD.match(name):
                raise BadRequest(
                    f"{name!r} is not valid as a name in {what}: a letter or '_' first, then "
                    "letters, digits, '_', '-' and '.', at most 255 characters",
                    "UserError",
                    target=what,
                )


def timeout_of(properties: dict[str, Any]) -> float | None:
    """A job's ``limits.timeout`` in seconds; None without one.

    Raises:
        BadRequest: it is no duration.
    """
    given = object_of(properties, "limits").get("timeout")
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)  # as a step of a pipeline has it
    match = DURATION.match(given) if isinstance(given, str) else None
    if match is None or not any(match.groups()):
        raise BadRequest(
            f"limits.timeout {given!r} is no duration like PT30M", "UserError", target="limits"
        )
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _check_environment(state: State, workspace: Workspace, reference: str) -> None:
    if not reference:
        raise BadRequest("the job has no environment", "UserError", target="environmentId")
    environments.check(state, workspace, reference)


def check_input(state: State, workspace: Workspace, given: Any) -> None:
    """Let only inputs pass whose type and mode there are, and whose asset is there.

    Raises:
        BadRequest: it is none of such.
        NotFound: it names an asset that is not there.
    """
    if not isinstance(given, dict):
        raise BadRequest(f"an input must be an object, not {given!r}", "UserError", target="inputs")
    kind = text_of(given, "jobInputType", "literal")
    if kind not in inputs.TYPES:
        raise BadRequest(f"{kind!r} is no type of input", "UserError", target="inputs")
    mode = text_of(given, "mode", inputs.MOUNT)
    if mode not in inputs.MODES:
        raise BadRequest(f"{mode!r} is no mode of an input", "UserError", target="inputs")
    if kind != "literal":
        inputs.check_reference(state, workspace, text_of(given, "uri"))
