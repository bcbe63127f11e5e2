"""Which registered files a deployment serves, copied so that nothing can change under it.

A model lies where Azure puts it: ``azureml-models/<name>/<version>/<file or folder>``, with the
last part of the path that was registered; ``AZUREML_MODEL_DIR`` is the folder of the version.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from azureml_local import assets
from azureml_local.errors import BadRequest
from azureml_local.jobs.inputs import copy_code
from azureml_local.state import State, Workspace, object_of, text_of

MODELS = "azureml-models"
CODE = "code"


@dataclass(frozen=True)
class Copied:
    """A deployment's files, as paths below its folder; empty where it has none of the kind."""

    model: str = ""
    code: str = ""
    script: str = ""


def reference(model: Any) -> str:
    """The id in a deployment's ``model``, which batch wraps and online does not.

    Raises:
        BadRequest: there is none.
    """
    text = model.get("assetId") if isinstance(model, dict) else model
    if not isinstance(text, str) or not text:
        raise BadRequest("the deployment names no model", "UserError", target="model")
    return text


def copy_all(
    state: State, workspace: Workspace, properties: dict[str, Any], folder: Path
) -> Copied:
    """Copy the model and the code of a deployment to ``folder``, whole or not at all.

    Args:
        state: the server's state.
        workspace: the deployment's workspace.
        properties: of the deployment, as it is created.
        folder: its own; must not exist.

    Raises:
        BadRequest: the deployment has neither, or no scoring script of that name.
        NotFound: it names a version that is not there.
    """
    code = object_of(properties, "codeConfiguration")
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        model = ""
        if properties.get("model") or not code:
            model = _copy_model(state, workspace, properties.get("model"), beside)
        script = text_of(code, "scoringScript")
        if code:
            copy_code(state, workspace, text_of(code, "codeId"), beside / CODE)
            place = beside / CODE / script
            inside = place.resolve().is_relative_to((beside / CODE).resolve())
            if not script or not inside or not place.is_file():
                raise BadRequest(
                    f"the code of the deployment holds no scoring script {script!r}",
                    "UserError",
                    target="codeConfiguration",
                )
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Copied(model, CODE if code else "", script)


def _copy_model(state: State, workspace: Workspace, model: Any, folder: Path) -> str:
    found = assets.find_by_id(state, workspace, "models", reference(model))
    uri = found.body["modelUri"]
    source = state.local_path(workspace, uri)
    name = PurePosixPath(uri.rstrip("/")).name
    version = f"{MODELS}/{found.name}/{found.version}"
    (folder / version).mkdir(parents=True)
    if source.is_dir():
        shutil.copytree(source, folder / version / name)
    else:
        shutil.copy2(source, folder / version / name)
    return version
