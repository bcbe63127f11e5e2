"""A job's environment: what it asks for, and what of that a job gets here.

Images are not built. A job sees the packages of this server's interpreter, and its log tells what
those lack; where the server isolates jobs it sees those that its conda file names.
"""

from __future__ import annotations

import re

from azureml_local import assets
from azureml_local.errors import AzureError
from azureml_local.jobs import packages
from azureml_local.state import State, Workspace

AZURES_OWN = re.compile(r"/registries/|(^|^azureml:|/environments/)AzureML-", re.IGNORECASE)
"""References to environments that Azure keeps: in a registry there, or in every workspace."""


def check(state: State, workspace: Workspace, reference: str) -> None:
    """Refuse a reference to what is not there.

    Raises:
        NotFound: there is no such environment.
        BadRequest: the reference is none.
    """
    shared = assets.IN_REGISTRY.search(reference)
    ours = shared is not None and state.find_registry(shared[1]) is not None
    if ours or not AZURES_OWN.search(reference):
        assets.find_by_id(state, workspace, "environments", reference)


def conda_file(state: State, workspace: Workspace, reference: str) -> str | None:
    """The conda file of a job's environment; None where it has none, or is one of Azure's own."""
    try:
        found = assets.find_by_id(state, workspace, "environments", reference)
    except AzureError:
        return None
    return found.body.get("condaFile")


def notes(state: State, workspace: Workspace, reference: str) -> list[str]:
    """What a job's log shall say of how this interpreter differs from its environment."""
    try:
        found = assets.find_by_id(state, workspace, "environments", reference)
    except AzureError:
        name = reference.removeprefix("azureml:")
        return [
            f"{packages.PREFIX} {name} is one of Azure's own environments, and what it holds is "
            "not known here; the job sees this interpreter's packages"
        ]
    name = found.name if found.name not in assets.ANONYMOUS_NAMES else "the job's environment"
    return packages.warnings(f"{name}:{found.version[:8]}", found.body.get("condaFile"))
