"""Copies the model and the code of a deployment, so that later changes do not affect it.

A model is stored as on Azure: ``azureml-models/<name>/<version>/<file or folder>``, the last
part of the registered path. ``AZUREML_MODEL_DIR`` is the folder of the version.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from azureml_local.assets.environments import check_environment, find_environment
from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import MODELS as MODEL_VERSIONS
from azureml_local.documents.endpoints import DeploymentProperties, ModelReference
from azureml_local.errors import BadRequest, NotFound, NotSupported
from azureml_local.jobs.inputs import copy_code
from azureml_local.json_fields import object_of, text_of
from azureml_local.state import Workspace

MODELS = "azureml-models"
CODE = "code"


@dataclass(frozen=True)
class DeploymentFiles:
    """Paths below a deployment's folder; empty if it has no such file."""

    model: str = ""
    code: str = ""
    script: str = ""


def model_id(model: str | ModelReference | None) -> str:
    """The model's id; batch deployments have an object with ``assetId``, online ones a string.

    Raises:
        BadRequest: there is no id.
    """
    text = model.get("assetId") if isinstance(model, dict) else model
    if not isinstance(text, str) or not text:
        raise BadRequest("the deployment has no model", "UserError", target="model")
    return text


def copy_deployment_files(
    workspace: Workspace, properties: DeploymentProperties, folder: Path
) -> DeploymentFiles:
    """Copy the model and the code of a deployment to ``folder``, completely or not at all.

    Args:
        workspace: the deployment's workspace.
        properties: of the deployment, as it is created.
        folder: of the deployment; must not exist.

    Raises:
        BadRequest: it has neither model nor code, or its scoring script does not exist.
        NotFound: the model, its files, the code or the environment does not exist.
        NotSupported: the environment's image has a server, and no scoring script in Python.
    """
    reference = text_of(properties, "environmentId")
    code = object_of(properties, "codeConfiguration")
    if reference:
        check_environment(workspace, reference)
        environment = find_environment(workspace, reference)
        is_python = text_of(code, "scoringScript").endswith(".py")
        if environment is not None and environment.has_server and not is_python:
            raise NotSupported(
                "Online deployments - Create or update: custom containers (an environment with "
                "inference_config) are not supported by azureml-local; add a scoring script in "
                "Python with code_configuration"
            )
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        model = ""
        if properties.get("model") or not code:
            model = _copy_model(workspace, properties.get("model"), partial)
        script = text_of(code, "scoringScript")
        if code:
            copy_code(workspace, text_of(code, "codeId"), partial / CODE)
            path = partial / CODE / script
            inside = path.resolve().is_relative_to((partial / CODE).resolve())
            if not script or not inside or not path.is_file():
                raise BadRequest(
                    f"the code of the deployment has no scoring script {script!r}",
                    "UserError",
                    target="codeConfiguration",
                )
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return DeploymentFiles(model, CODE if code else "", script)


def _copy_model(workspace: Workspace, model: str | ModelReference | None, folder: Path) -> str:
    asset = Assets(workspace, MODEL_VERSIONS).find_by_id(model_id(model))
    uri = asset.body["modelUri"]
    source = workspace.local_path(uri)
    if not source.exists():  # Azure names the storage container
        raise NotFound(
            f"model {asset.name}:{asset.version} has no files at {uri}: register a new version",
            target="model",
        )
    name = PurePosixPath(uri.rstrip("/")).name
    version = f"{MODELS}/{asset.name}/{asset.version}"
    (folder / version).mkdir(parents=True)
    if source.is_dir():
        shutil.copytree(source, folder / version / name)
    else:
        shutil.copy2(source, folder / version / name)
    return version
