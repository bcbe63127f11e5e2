"""Which registered files a deployment serves, copied so that nothing can change under it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from azureml_local import assets
from azureml_local.errors import BadRequest
from azureml_local.state import State, Workspace


def reference(model: Any) -> str:
    """The id in a deployment's ``model``, which batch wraps and online does not.

    Raises:
        BadRequest: there is none.
    """
    text = model.get("assetId") if isinstance(model, dict) else model
    if not isinstance(text, str) or not text:
        raise BadRequest("the deployment names no model", "UserError")
    return text


def copy_model(state: State, workspace: Workspace, model: Any, folder: Path) -> None:
    """Copy a registered model's files to ``folder``, whole or not at all.

    Raises:
        NotFound: there is no such version.
    """
    found = assets.by_id(state, workspace, "models", reference(model))
    source = state.local_path(workspace, found.body["modelUri"])
    if folder.exists():
        return
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, beside)
    else:
        beside.mkdir()
        shutil.copy2(source, beside)
    beside.rename(folder)
