"""Online endpoints and deployments: the paths of their operations, and their names."""

from __future__ import annotations

import re

from azureml_local.errors import BadRequest
from azureml_local.routing import WORKSPACE

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
