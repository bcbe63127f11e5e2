"""How much a deployment takes on: Azure's request settings with their defaults and bounds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from azureml_local.errors import BadRequest
from azureml_local.state import object_of

MAX_BODY = 1_572_864
"""Bytes of a request to a managed online endpoint: 1.5 MB."""
MAX_SECONDS = 180.0
MAX_INSTANCES = 50
DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?\Z")


@dataclass(frozen=True)
class Limits:
    """A deployment's limits.

    Attributes:
        seconds: for one request, from its arrival to its answer.
        concurrent: requests at once for each instance; as many again may wait.
        queue_seconds: how long a request may wait for its turn; None: as long as it has time.
        instances: of the deployment.
        workers: processes of the inference server in each instance (``WORKER_COUNT``).
        ready_seconds: how long one may take until it is ready, by the readiness probe.
    """

    seconds: float = 5.0
    concurrent: int = 1
    queue_seconds: float | None = None
    instances: int = 1
    workers: int = 1
    ready_seconds: float = 310.0

    @property
    def most(self) -> int:
        """Requests that may be there at once; Azure answers 429 to further ones."""
        return 2 * self.concurrent * self.instances

    @property
    def processes(self) -> int:
        """How many processes are started: never more than this machine has processors."""
        wanted = self.instances * min(self.workers, self.concurrent)
        return max(1, min(wanted, os.cpu_count() or 1))


def limits(properties: dict[str, Any], sku: dict[str, Any]) -> Limits:
    """The limits of a deployment.

    Args:
        properties: of the deployment, as it was created.
        sku: its ``capacity`` is the number of instances.

    Raises:
        BadRequest: a value is none that Azure takes.
    """
    given = object_of(properties, "requestSettings")
    seconds = _seconds("requestTimeout", given.get("requestTimeout") or "PT5S")
    if not 0 < seconds <= MAX_SECONDS:
        raise BadRequest(
            f"requestTimeout must be above 0 and at most {MAX_SECONDS:g} s, not {seconds:g}",
            "UserError",
            target="requestTimeout",
        )
    name = "maxConcurrentRequestsPerInstance"
    wait = given.get("maxQueueWait")
    variables = object_of(properties, "environmentVariables")
    return Limits(
        seconds=seconds,
        concurrent=_number(name, given.get(name, 1), 1, 10_000),
        queue_seconds=None if wait is None else _seconds("maxQueueWait", wait),
        instances=_number("sku.capacity", sku.get("capacity") or 1, 1, MAX_INSTANCES),
        workers=_number("WORKER_COUNT", variables.get("WORKER_COUNT", 1), 1, 1000),
        ready_seconds=_ready(object_of(properties, "readinessProbe")),
    )


def _ready(probe: dict[str, Any]) -> float:
    """How long a readiness probe goes on asking; Azure's defaults come to 310 seconds."""
    delay, period = (
        _seconds(name, probe.get(name) or "PT10S") for name in ("initialDelay", "period")
    )
    tries = probe.get("failureThreshold")
    return delay + period * _number("failureThreshold", 30 if tries is None else tries, 1, 100_000)


def _seconds(name: str, given: Any) -> float:
    match = DURATION.match(given) if isinstance(given, str) else None
    if match is None or not any(match.groups()):
        raise BadRequest(f"{name} {given!r} is no duration like PT5S", "UserError", target=name)
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return (hours * 60 + minutes) * 60 + seconds


def _number(name: str, given: Any, least: int, most: int) -> int:
    whole = str(given).isascii() and str(given).isdigit() and len(str(given)) < 10
    if isinstance(given, bool) or not whole or not least <= int(given) <= most:
        raise BadRequest(
            f"{name} must be a whole number from {least} to {most}, not {given!r}",
            "UserError",
            target=name,
        )
    return int(given)
