"""Validation of submitted sweep jobs, and of steps that are sweeps."""

from __future__ import annotations

from typing import Any

from azureml_local.jobs import validation
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.trials import trial_properties
from azureml_local.state import State, Workspace


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
