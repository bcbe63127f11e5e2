"""The inputs of a training job, made from the contract of the exported notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbrelease.contract import DATA_PARAMETER, Contract, job_inputs
from nbrelease.errors import SettingsError
from nbrelease.training.data import guess_type


def make_inputs(
    contract: Contract,
    values: Mapping[str, Any],
    data: Mapping[str, str],
    *,
    label_column: str,
    project: Path,
) -> dict[str, Any]:
    """The inputs of a job, as ``load_job`` takes them.

    Args:
        contract: of the exported notebook.
        values: the training parameters of the settings, typed.
        data: ``type`` and ``path`` of the training data.
        label_column: passed where the notebook has such a parameter.
        project: root of the project; other data inputs may be paths below it.

    Raises:
        SettingsError: the notebook has no parameter ``input_data``.
    """
    names = {each.name for each in contract.parameters}
    if DATA_PARAMETER not in names:
        raise SettingsError(
            f"{contract.notebook}: its parameters cell has no {DATA_PARAMETER}; the job passes the "
            "training data with it"
        )
    folders = {each.name for each in contract.data}
    literals = {name: value for name, value in values.items() if name in names - folders}
    if "label_column" in names:
        literals["label_column"] = label_column
    inputs: dict[str, Any] = {DATA_PARAMETER: dict(data), **job_inputs(literals)}
    for name in folders & values.keys() - {DATA_PARAMETER}:
        inputs[name] = _data_input(str(values[name]), project)
    return inputs


def _data_input(path: str, project: Path) -> dict[str, str]:
    if "://" in path or path.startswith("azureml:"):
        return {"type": guess_type(path), "path": path}
    local = project / path
    if not local.exists():
        raise SettingsError(f"{path}: no such file or folder in the project")
    return {"type": "uri_folder" if local.is_dir() else "uri_file", "path": str(local.resolve())}
