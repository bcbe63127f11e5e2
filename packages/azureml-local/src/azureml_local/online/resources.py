"""Documents of online endpoints and deployments: their paths, names and look-up."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.errors import BadRequest, NotFound
from azureml_local.routing import WORKSPACE
from azureml_local.state import Workspace
from azureml_local.store import Resource

ENDPOINTS = "onlineEndpoints"
DEPLOYMENTS = "onlineDeployments"
BASE = WORKSPACE + "/onlineEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]\Z")


def validate_name(what: str, name: str) -> str:
    """Check the name of an endpoint or deployment by Azure's rule.

    Raises:
        BadRequest: it is not valid.
    """
    if not NAME.match(name):
        raise BadRequest(
            f"{what} name {name!r} is not valid: use 3 to 32 letters, digits and '-'; begin with "
            "a letter and do not end with '-'",
            "UserError",
            target="name",
        )
    return name


def get_endpoint(workspace: Workspace, name: str) -> Resource:
    """An endpoint by its name.

    Raises:
        NotFound: it does not exist.
    """
    endpoint = workspace.documents.get(ENDPOINTS, name)
    if endpoint is None:
        raise NotFound(f"Online endpoint {name} was not found in workspace {workspace.name}.")
    return endpoint


def get_deployment(workspace: Workspace, endpoint: str, name: str) -> Resource:
    """A deployment by its endpoint and name.

    Raises:
        NotFound: it does not exist.
    """
    deployment = workspace.documents.get(DEPLOYMENTS, f"{endpoint}/{name}")
    if deployment is None:
        raise NotFound(f"Deployment {name} was not found under online endpoint {endpoint}.")
    return deployment


def list_deployments(workspace: Workspace, endpoint: str) -> list[Resource]:
    """The deployments of an endpoint, oldest first."""
    entries = workspace.documents.entries(DEPLOYMENTS)
    return [each for each in entries if split_name(each)[0].lower() == endpoint.lower()]


def split_name(deployment: Resource) -> tuple[str, str]:
    """The endpoint's name and the deployment's own."""
    endpoint, _, name = deployment.name.partition("/")
    return endpoint, name


def pool_key(workspace: Workspace, name: str) -> str:
    """The key of a deployment's pool in ``Serving``."""
    return f"{workspace.key}/{name}".lower()


def traffic_shares(endpoint: Resource, name: str) -> tuple[int, int]:
    """A deployment's percentages of the live and of the mirrored traffic."""
    properties: dict[str, Any] = endpoint.body["properties"]
    maps = (properties.get("traffic") or {}, properties.get("mirrorTraffic") or {})
    live, mirror = (
        {key.lower(): int(value) for key, value in shares.items()}.get(name.lower(), 0)
        for shares in maps
    )
    return live, mirror
