"""The limits of a deployment: Azure's request settings with their defaults and bounds."""

from __future__ import annotations

import os
from dataclasses import dataclass

from azureml_local.arm import Sku
from azureml_local.documents.endpoints import DeploymentProperties
from azureml_local.durations import parse_duration
from azureml_local.errors import BadRequest
from azureml_local.json_fields import JsonObject, object_of

MAX_BODY = 1_572_864
"""Bytes of a request to a managed online endpoint: 1.5 MB."""
MAX_SECONDS = 180.0
MAX_INSTANCES = 50


@dataclass(frozen=True)
class Limits:
    """A deployment's limits.

    Attributes:
        timeout_seconds: for one request, from its arrival to its response.
        concurrent: concurrent requests for each instance; as many again may queue.
        queue_seconds: how long a request may queue; None: until its timeout.
        instances: of the deployment.
        workers: processes of the inference server in each instance (``WORKER_COUNT``).
        ready_seconds: how long a process may take until it is ready, by the readiness probe.
    """

    timeout_seconds: float = 5.0
    concurrent: int = 1
    queue_seconds: float | None = None
    instances: int = 1
    workers: int = 1
    ready_seconds: float = 310.0

    @property
    def max_requests(self) -> int:
        """Requests that run and queue at the same time; Azure answers 429 to further ones."""
        return 2 * self.concurrent * self.instances

    @property
    def processes(self) -> int:
        """How many processes are started: at most the number of processors of this machine."""
        count = self.instances * min(self.workers, self.concurrent)
        return max(1, min(count, os.cpu_count() or 1))


def parse_limits(properties: DeploymentProperties, sku: Sku) -> Limits:
    """The limits of a deployment.

    Args:
        properties: of the deployment, as it was created.
        sku: its ``capacity`` is the number of instances.

    Raises:
        BadRequest: Azure does not accept a value.
    """
    settings = object_of(properties, "requestSettings")
    seconds = _parse_seconds("requestTimeout", settings.get("requestTimeout") or "PT5S")
    if not 0 < seconds <= MAX_SECONDS:
        raise BadRequest(
            f"requestTimeout must be above 0 and at most {MAX_SECONDS:g} s, not {seconds:g}",
            "UserError",
            target="requestTimeout",
        )
    name = "maxConcurrentRequestsPerInstance"
    wait = settings.get("maxQueueWait")
    variables = object_of(properties, "environmentVariables")
    return Limits(
        timeout_seconds=seconds,
        concurrent=_parse_integer(name, settings.get(name, 1), 1, 10_000),
        queue_seconds=None if wait is None else _parse_seconds("maxQueueWait", wait),
        instances=_parse_integer("sku.capacity", sku.get("capacity") or 1, 1, MAX_INSTANCES),
        workers=_parse_integer("WORKER_COUNT", variables.get("WORKER_COUNT", 1), 1, 1000),
        ready_seconds=_probe_seconds(object_of(properties, "readinessProbe")),
    )


def _probe_seconds(probe: JsonObject) -> float:
    """The longest time of a readiness probe; 310 seconds with Azure's defaults."""
    delay, period = (
        _parse_seconds(name, probe.get(name) or "PT10S") for name in ("initialDelay", "period")
    )
    name = "failureThreshold"
    tries = 30 if probe.get(name) is None else probe[name]
    return delay + period * _parse_integer(name, tries, 1, 100_000)


def _parse_seconds(name: str, value: object) -> float:
    return parse_duration(value, name).total_seconds()


def _parse_integer(name: str, value: object, minimum: int, maximum: int) -> int:
    text = str(value)
    is_integer = text.isascii() and text.isdigit() and len(text) < 10
    if not is_integer or not minimum <= int(text) <= maximum:
        raise BadRequest(
            f"{name} must be an integer from {minimum} to {maximum}, not {value!r}",
            "UserError",
            target=name,
        )
    return int(text)
