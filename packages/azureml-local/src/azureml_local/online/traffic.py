"""Traffic and mirror traffic: validation by Azure's rules, and the random choice for a request.

Mirror traffic is at most 50 % of the requests, to one deployment without live traffic. A request
that names its deployment is not mirrored.
"""

from __future__ import annotations

import random

from azureml_local.errors import BadRequest

MOST_MIRRORED = 50
MIRROR = "mirrorTraffic"


def validate_traffic(traffic: object, deployments: set[str]) -> dict[str, int]:
    """Validate a traffic map by Azure's rules.

    Args:
        traffic: percentage by deployment.
        deployments: the endpoint's deployments.

    Raises:
        BadRequest: a deployment does not exist, or the sum is neither 0 nor 100.
    """
    shares = _parse_shares("traffic", traffic, deployments)
    total = sum(shares.values())
    if total not in (0, 100):
        raise BadRequest(
            f"traffic percentages must sum up to 0 or 100, not {total}", target="traffic"
        )
    return shares


def validate_mirror_traffic(
    mirror: object, deployments: set[str], live: dict[str, int]
) -> dict[str, int]:
    """Validate a map of mirror traffic by Azure's rules.

    Raises:
        BadRequest: it is not valid.
    """
    shares = {k: v for k, v in _parse_shares(MIRROR, mirror, deployments).items() if v}
    if len(shares) > 1:
        raise BadRequest(f"mirror one deployment, not {', '.join(shares)}", target=MIRROR)
    for name, share in shares.items():
        if share > MOST_MIRRORED:
            raise BadRequest(
                f"mirror at most {MOST_MIRRORED} % of the traffic, not {share}", target=MIRROR
            )
        if live.get(name):
            raise BadRequest(
                f"deployment {name} has {live[name]} % of the live traffic; a deployment gets live "
                "traffic or mirror traffic, not both",
                target=MIRROR,
            )
    return shares


def _parse_shares(what: str, value: object, deployments: set[str]) -> dict[str, int]:
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"{what} must be an object, not {value!r}", target=what)
    shares = {str(name): share for name, share in (value or {}).items()}
    wrong = [s for s in shares.values() if isinstance(s, bool) or not isinstance(s, int)]
    if wrong:
        raise BadRequest(f"{what} percentages must be integers, not {wrong[0]!r}", target=what)
    if any(not 0 <= share <= 100 for share in shares.values()):
        raise BadRequest(f"{what} percentages must lie between 0 and 100", target=what)
    unknown = sorted(name for name, share in shares.items() if name not in deployments and share)
    if unknown:
        raise BadRequest(
            f"{what} names deployments that do not exist: {', '.join(unknown)}", target=what
        )
    return {name: share for name, share in shares.items() if name in deployments}


def choose_deployment(traffic: dict[str, int]) -> str | None:
    """A random deployment by its percentage; None if all are 0."""
    live = {name: share for name, share in traffic.items() if share > 0}
    if not live:
        return None
    return random.choices(list(live), weights=list(live.values()))[0]


def choose_mirror(mirror: dict[str, int]) -> str | None:
    """The deployment that gets a copy of this request, chosen at random; None for no copy."""
    for name, share in mirror.items():
        if random.random() * 100 < share:
            return name
    return None
