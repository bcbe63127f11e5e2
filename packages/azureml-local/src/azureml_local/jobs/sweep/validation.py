"""Validation of submitted sweep jobs, and of steps that are sweeps."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.jobs import validation
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.trials import trial_properties
from azureml_local.state import State, Workspace, object_of, text_of

ENVIRONMENT = re.compile(r"azureml:([^:/]+):([^:/]+)\Z")


def complete_sweep(workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    """A sweep's properties with the resource id of the trials' environment, as Azure returns it."""
    trial = object_of(properties, "trial")
    match = ENVIRONMENT.fullmatch(text_of(trial, "environmentId"))
    if match is None:
        return properties
    environment = f"{workspace.path}/environments/{match[1]}/versions/{match[2]}"
    return {**properties, "trial": {**trial, "environmentId": environment}}


def check_sweep(
    state: State, workspace: Workspace, name: str, properties: dict[str, Any]
) -> SweepSettings:
    """Refuse a sweep whose settings are not valid, or whose trials cannot run.

    Raises:
        BadRequest: a setting or a field of the trial is not valid.
        NotFound: an asset or a compute does not exist.
        NotSupported: azureml-local does not support the algorithm or a field of the trial.
    """
    settings = SweepSettings.read(properties)
    example = {key: each.value(0.5) for key, each in settings.space.items()}
    trial = trial_properties(properties, settings, name, example)
    validation.check_command(state, workspace, trial)
    return settings
