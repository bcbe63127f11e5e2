"""Online endpoints and deployments: the paths of their operations, their names and traffic."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.endpoints import ONLINE
from azureml_local.errors import BadRequest
from azureml_local.routing import WORKSPACE
from azureml_local.state import Workspace
from azureml_local.store import Resource

ENDPOINTS, DEPLOYMENTS = ONLINE.endpoints, ONLINE.deployments
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
