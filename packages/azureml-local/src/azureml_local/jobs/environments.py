"""A job's environment: validation of the reference, and warnings about missing packages.

No image is built. A job uses the packages of this server's interpreter, and its log warns about
those that its environment names and the interpreter lacks. With ``--isolation uv`` the job gets the
packages of its conda file instead.
"""

from __future__ import annotations

import re

from azureml_local import packages
from azureml_local.assets.versions import ANONYMOUS_NAMES, IN_REGISTRY, Assets
from azureml_local.errors import AzureError
from azureml_local.state import Workspace

CURATED = re.compile(r"/registries/|(^|^azureml:|/environments/)AzureML-", re.IGNORECASE)
"""References to Microsoft's environments: in its registries, or named ``AzureML-...``."""


def check_environment(workspace: Workspace, reference: str) -> None:
    """Refuse a reference to an environment that does not exist.

    Raises:
        NotFound: the environment does not exist.
        BadRequest: the reference is not valid.
    """
    shared = IN_REGISTRY.search(reference)
    in_local_registry = shared is not None and workspace.state.find_registry(shared[1]) is not None
    if in_local_registry or not CURATED.search(reference):
        Assets(workspace, "environments").find_by_id(reference)


def conda_file(workspace: Workspace, reference: str) -> str | None:
    """The conda file of a job's environment; None without one, or for Microsoft's environments."""
    try:
        environment = Assets(workspace, "environments").find_by_id(reference)
    except AzureError:
        return None
    return environment.body.get("condaFile")


def environment_warnings(workspace: Workspace, reference: str) -> list[str]:
    """Lines for the job's log: how this interpreter differs from the job's environment."""
    try:
        environment = Assets(workspace, "environments").find_by_id(reference)
    except AzureError:
        name = reference.removeprefix("azureml:")
        return [
            f"{packages.PREFIX} {name} is an environment of Microsoft, its packages are unknown; "
            "the job uses this interpreter's packages"
        ]
    anonymous = environment.name in ANONYMOUS_NAMES
    name = "the job's environment" if anonymous else environment.name
    return packages.package_warnings(
        f"{name}:{environment.version[:8]}", environment.body.get("condaFile")
    )
