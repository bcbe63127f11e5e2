"""Validation of submitted sweep jobs, and of steps that are sweeps."""

from __future__ import annotations

import re

from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import BadRequest
from azureml_local.jobs import validation
from azureml_local.jobs.records import Job
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.trials import (
    check_unused,
    trial_name,
    trial_properties,
)
from azureml_local.json_fields import object_of, text_of, with_fields, without_empty
from azureml_local.state import Workspace

ENVIRONMENT = re.compile(r"azureml:([^:/]+):([^:/]+)\Z")
FIELDS = {
    "algorithm": "samplingAlgorithm",
    "seed": "samplingAlgorithm",
    "space": "searchSpace",
    "metric": "objective",
    "maximize": "objective",
    "max_total_trials": "limits",
    "max_concurrent_trials": "limits",
    "timeout": "limits",
    "trial_timeout": "limits",
    "policy": "earlyTermination",
}
"""The field of the API for each of the settings."""


def complete_sweep(workspace: Workspace, properties: JobProperties) -> JobProperties:
    """A sweep's properties with the resource id of the trials' environment, as Azure returns it."""
    trial = object_of(properties, "trial")
    match = ENVIRONMENT.fullmatch(text_of(trial, "environmentId"))
    if match is None:
        return properties
    environment = f"{workspace.path}/environments/{match[1]}/versions/{match[2]}"
    return with_fields(properties, {"trial": {**trial, "environmentId": environment}})


def changed_field(old: JobProperties, new: JobProperties) -> str | None:
    """The first field in which two sweeps differ; None if they run the same trials.

    Args:
        old: the properties of the job that exists.
        new: the submitted properties, from :func:`complete_sweep`.

    Raises:
        BadRequest: a submitted setting is not valid.
    """
    if without_empty(new.get("trial")) != without_empty(old.get("trial")):
        return "trial"
    before, after = SweepSettings.read(old), SweepSettings.read(new)
    changed = (
        field for name, field in FIELDS.items() if getattr(before, name) != getattr(after, name)
    )
    return next(changed, None)


def check_trial_names(job: Job, settings: SweepSettings) -> None:
    """Refuse a sweep whose trials cannot have their names.

    Raises:
        BadRequest: a name is too long.
        Conflict: another job has the name of a trial.
    """
    count = int(min(settings.max_total_trials, settings.space_size))
    if not validation.NAME.match(trial_name(job.name, count - 1)):
        raise BadRequest(
            f"job name {job.name!r} is too long: names of its trials have more than 255 characters",
            "UserError",
            target="name",
        )
    for number in range(count):
        check_unused(job.sibling(trial_name(job.name, number)))


def check_sweep(workspace: Workspace, properties: JobProperties) -> SweepSettings:
    """Refuse a sweep whose settings are not valid, or whose trials cannot run.

    Raises:
        BadRequest: a setting or a field of the trial is not valid.
        NotFound: an asset or a compute does not exist.
        NotSupported: azureml-local does not support the algorithm or a field of the trial.
    """
    settings = SweepSettings.read(properties)
    example = {key: each.value(0.5) for key, each in settings.space.items()}
    trial = trial_properties(properties, settings, "trial", example)
    validation.check_command(workspace, trial)
    return settings
