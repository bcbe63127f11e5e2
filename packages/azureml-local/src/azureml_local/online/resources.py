"""Online endpoints and deployments as documents: their paths, their names, how they are found."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.errors import BadRequest, NotFound
from azureml_local.routing import WORKSPACE
from azureml_local.state import State, Workspace
from azureml_local.store import Resource

ENDPOINTS = "onlineEndpoints"
DEPLOYMENTS = "onlineDeployments"
BASE = WORKSPACE + "/onlineEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]\Z")


def checked_name(what: str, name: str) -> str:
    """A name of an endpoint or deployment by Azure's rule.

    Raises:
        BadRequest: it breaks it.
    """
    if not NAME.match(name):
        raise BadRequest(
            f"{what} name {name!r} is not valid: 3 to 32 letters, digits and '-', a letter first "
            "and no '-' last",
            "UserError",
            target="name",
        )
    return name


def endpoint_of(state: State, workspace: Workspace, name: str) -> Resource:
    """An endpoint by its name.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, ENDPOINTS, name)
    if found is None:
        raise NotFound(f"Online endpoint {name} was not found in workspace {workspace.name}.")
    return found


def deployment_of(state: State, workspace: Workspace, endpoint: str, name: str) -> Resource:
    """A deployment by its endpoint and name.

    Raises:
        NotFound: there is none.
    """
    found = state.store.get(workspace.key, DEPLOYMENTS, f"{endpoint}/{name}")
    if found is None:
        raise NotFound(f"Deployment {name} was not found under online endpoint {endpoint}.")
    return found


def deployments_of(state: State, workspace: Workspace, endpoint: str) -> list[Resource]:
    """The deployments of an endpoint, oldest first."""
    found = state.store.entries(workspace.key, DEPLOYMENTS)
    return [each for each in found if split(each)[0].lower() == endpoint.lower()]


def split(deployment: Resource) -> tuple[str, str]:
    """The endpoint's name and the deployment's own."""
    endpoint, _, name = deployment.name.partition("/")
    return endpoint, name


def process(workspace: Workspace, name: str) -> str:
    """What names a deployment's processes in ``serving``."""
    return f"{workspace.key}/{name}".lower()


def share(endpoint: Resource, name: str) -> tuple[int, int]:
    """A deployment's percent of the live traffic and of the mirrored."""
    properties: dict[str, Any] = endpoint.body["properties"]
    maps = (properties.get("traffic") or {}, properties.get("mirrorTraffic") or {})
    live, mirror = (
        {key.lower(): int(value) for key, value in found.items()}.get(name.lower(), 0)
        for found in maps
    )
    return live, mirror
