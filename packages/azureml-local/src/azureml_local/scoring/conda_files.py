"""Finds the conda file of a deployment: of its environment, else of its model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from azureml_local.assets.environments import find_environment
from azureml_local.endpoints import Deployment
from azureml_local.json_fields import text_of


@dataclass(frozen=True)
class CondaFile:
    """A conda file: what it belongs to, and its text."""

    source: str
    text: str


def find_conda_file(deployment: Deployment, model: Path | None) -> CondaFile | None:
    """The conda file of a deployment's environment, else of its model.

    Args:
        deployment: the deployment.
        model: the folder of its model; None without one.

    Returns:
        None if there is no conda file, or if the environment is Microsoft's.
    """
    reference = text_of(deployment.properties, "environmentId")
    if not reference:
        return _model_conda_file(model) if model is not None else None
    environment = find_environment(deployment.workspace, reference)
    if environment is None or not environment.conda_file:
        return None
    return CondaFile(environment.name or "the environment", environment.conda_file)


def _model_conda_file(model: Path) -> CondaFile | None:
    """The ``conda.yaml`` next to ``MLmodel``."""
    files = sorted(model.rglob("MLmodel"), key=lambda path: len(path.parts))
    file = files[0].with_name("conda.yaml") if files else None
    if file is None or not file.is_file():
        return None
    return CondaFile("the model's conda.yaml", file.read_text(encoding="utf-8"))
