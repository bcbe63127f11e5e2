"""Which deployment answers: Azure's rules for traffic maps, and the draw itself."""

from __future__ import annotations

import random
from typing import Any

from azureml_local.errors import BadRequest


def checked(traffic: dict[str, Any] | None, deployments: set[str]) -> dict[str, int]:
    """A traffic map by Azure's rules.

    Args:
        traffic: percent by deployment.
        deployments: those that the endpoint has.

    Raises:
        BadRequest: a name is none of them, or the shares sum up to something other than 0 or 100.
    """
    found = {str(name): int(share) for name, share in (traffic or {}).items()}
    unknown = sorted(name for name, share in found.items() if name not in deployments and share)
    if unknown:
        raise BadRequest(f"traffic names deployments that do not exist: {', '.join(unknown)}")
    if any(not 0 <= share <= 100 for share in found.values()) or sum(found.values()) not in (
        0,
        100,
    ):
        raise BadRequest(f"traffic percentages must sum up to 0 or 100, not {sum(found.values())}")
    return {name: share for name, share in found.items() if name in deployments}


def draw(traffic: dict[str, int]) -> str | None:
    """A deployment by the shares of the map; None where none has a share."""
    live = {name: share for name, share in traffic.items() if share > 0}
    if not live:
        return None
    return random.choices(list(live), weights=list(live.values()))[0]
