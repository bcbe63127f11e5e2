"""The tracking server of notebooks in ``make lab``: the local workspace behind JupyterLab.

An Azure ML compute instance sets ``MLFLOW_TRACKING_URI`` to its workspace in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nbrelease.errors import SettingsError
from nbrelease.settings import load
from nbrelease.workspace import find_local_address

VARIABLE = "MLFLOW_TRACKING_URI"


def find_tracking_uri(folder: Path, variables: Mapping[str, str]) -> str:
    """The tracking URI of the first local environment of a project.

    Args:
        folder: a folder of the project.
        variables: the environment variables of the server.

    Returns:
        Empty if the variable is set already, or if no local workspace or project is there.
    """
    address = find_local_address(variables)
    if variables.get(VARIABLE) or not address:
        return ""
    try:
        settings = load(folder)
        environments = [settings.environment(name) for name in settings.names]
    except SettingsError:
        return ""  # reported by every command that needs the settings
    local = next((each for each in environments if each.workspace == "local"), None)
    if local is None:
        return ""
    return (
        f"azureml://{address}/mlflow/v1.0/subscriptions/{local.subscription_id}"
        f"/resourceGroups/{local.resource_group}/providers/Microsoft.MachineLearningServices"
        f"/workspaces/{local.workspace_name}"
    )
