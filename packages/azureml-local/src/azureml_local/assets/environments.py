"""Environments by their references in jobs and deployments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from azureml_local.assets.versions import ANONYMOUS_NAMES, IN_REGISTRY, Assets
from azureml_local.documents.assets import ENVIRONMENTS
from azureml_local.errors import AzureError
from azureml_local.state import Workspace

CURATED = re.compile(r"/registries/|(^|^azureml:|/environments/)AzureML-", re.IGNORECASE)
"""References to Microsoft's environments: in its registries, or named ``AzureML-...``."""


@dataclass(frozen=True)
class Environment:
    """A version of an environment; the name is empty if it is anonymous."""

    name: str
    version: str
    conda_file: str | None
    has_server: bool = False
    """Whether its image has a server of its own, which ``inference_config`` describes."""


def check_environment(workspace: Workspace, reference: str) -> None:
    """Refuse a reference to an environment that does not exist.

    Raises:
        NotFound: the environment does not exist.
        BadRequest: the reference is not valid.
    """
    shared = IN_REGISTRY.search(reference)
    in_local_registry = shared is not None and workspace.state.find_registry(shared[1]) is not None
    if in_local_registry or not CURATED.search(reference):
        Assets(workspace, ENVIRONMENTS).find_by_id(reference)


def find_environment(workspace: Workspace, reference: str) -> Environment | None:
    """An environment by its reference; None for Microsoft's, whose packages are not known here."""
    try:
        asset = Assets(workspace, ENVIRONMENTS).find_by_id(reference)
    except AzureError:
        return None
    name = "" if asset.name in ANONYMOUS_NAMES else asset.name
    has_server = bool(asset.body.get("inferenceConfig"))
    return Environment(name, asset.version, asset.body.get("condaFile"), has_server)
