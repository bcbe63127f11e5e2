"""Which deployment answers and which is shown a copy: Azure's rules for the maps, and the draw.

Of the mirror map: at most 50 % of the requests, to one deployment, which has no live traffic; and
a request that names its deployment is not copied.
"""

from __future__ import annotations

import random
from typing import Any

from azureml_local.errors import BadRequest

MOST_MIRRORED = 50


def checked(traffic: Any, deployments: set[str]) -> dict[str, int]:
    """A traffic map by Azure's rules.

    Args:
        traffic: percent by deployment.
        deployments: those that the endpoint has.

    Raises:
        BadRequest: a name is none of them, or the shares sum up to something other than 0 or 100.
    """
    found = _shares("traffic", traffic, deployments)
    if sum(found.values()) not in (0, 100):
        raise BadRequest(f"traffic percentages must sum up to 0 or 100, not {sum(found.values())}")
    return found


def checked_mirror(mirror: Any, deployments: set[str], live: dict[str, int]) -> dict[str, int]:
    """A map of mirrored traffic by Azure's rules.

    Args:
        mirror: percent by deployment.
        deployments: those that the endpoint has.
        live: the traffic map beside it.

    Raises:
        BadRequest: it breaks one of the rules.
    """
    found = {k: v for k, v in _shares("mirror traffic", mirror, deployments).items() if v}
    if len(found) > 1:
        raise BadRequest(f"traffic is mirrored to one deployment, not to {', '.join(found)}")
    for name, share in found.items():
        if share > MOST_MIRRORED:
            raise BadRequest(f"at most {MOST_MIRRORED} % of the traffic is mirrored, not {share}")
        if live.get(name):
            raise BadRequest(
                f"deployment {name} has {live[name]} % of the live traffic; a deployment gets live "
                "traffic or mirrored traffic, not both"
            )
    return found


def _shares(what: str, given: Any, deployments: set[str]) -> dict[str, int]:
    if given is not None and not isinstance(given, dict):
        raise BadRequest(f"{what} must be an object, not {given!r}", target=what)
    shares = {str(name): share for name, share in (given or {}).items()}
    wrong = [s for s in shares.values() if isinstance(s, bool) or not isinstance(s, int)]
    if wrong:
        raise BadRequest(f"{what} percentages must be whole numbers, not {wrong[0]!r}", target=what)
    if any(not 0 <= share <= 100 for share in shares.values()):
        raise BadRequest(f"{what} percentages must lie between 0 and 100", target=what)
    unknown = sorted(name for name, share in shares.items() if name not in deployments and share)
    if unknown:
        raise BadRequest(f"{what} names deployments that do not exist: {', '.join(unknown)}")
    return {name: share for name, share in shares.items() if name in deployments}


def draw(traffic: dict[str, int]) -> str | None:
    """A deployment by the shares of the map; None where none has a share."""
    live = {name: share for name, share in traffic.items() if share > 0}
    if not live:
        return None
    return random.choices(list(live), weights=list(live.values()))[0]


def mirrored(mirror: dict[str, int]) -> str | None:
    """The deployment that gets a copy of this request, by its share; None where none does."""
    for name, share in mirror.items():
        if random.random() * 100 < share:
            return name
    return None
