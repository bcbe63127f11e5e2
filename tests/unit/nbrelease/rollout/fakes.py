"""An azure-ai-ml client and a scoring client that answer from memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from azure.core.exceptions import HttpResponseError

from nbrelease.quality.scoring import Observation
from nbrelease.records.published import Observed


@dataclass
class FakeEndpoint:
    """An endpoint as the SDK gives it."""

    traffic: dict[str, int]
    tags: dict[str, str] = field(default_factory=dict)
    mirror_traffic: dict[str, int] = field(default_factory=dict)


class FakeClient:
    """One endpoint with its deployments. ``maps`` are the traffic maps that were written.

    ``fail(count, after)`` lets so many calls fail, after so many that still succeed.
    """

    def __init__(self, traffic: dict[str, int], deployments: str = "a b", **tags: str) -> None:
        names = {name.replace("_", "-"): value for name, value in tags.items()}
        self.endpoint = FakeEndpoint(dict(traffic), names)
        self.names = deployments.split()
        self.maps: list[dict[str, int]] = []
        self.mirrors: list[dict[str, int]] = []
        self.online_endpoints = SimpleNamespace(get=self._get, begin_create_or_update=self._update)
        self.online_deployments = SimpleNamespace(list=self._list)
        self.refuses_to_mirror = False
        self._failing = self._passing = 0

    def fail(self, count: int, after: int = 0) -> None:
        self._failing, self._passing = count, after

    def _call(self) -> None:
        if self._passing:
            self._passing -= 1
        elif self._failing:
            self._failing -= 1
            raise HttpResponseError("the workspace does not answer\nsecond line")

    def _get(self, name: str) -> FakeEndpoint:
        self._call()
        return copy.deepcopy(self.endpoint)

    def _list(self, endpoint_name: str) -> list[Any]:
        self._call()
        return [SimpleNamespace(name=name) for name in self.names]

    def _update(self, endpoint: FakeEndpoint) -> Any:
        self._call()
        if self.refuses_to_mirror and any(endpoint.mirror_traffic.values()):
            raise HttpResponseError("mirrored traffic is not supported")
        if endpoint.traffic != self.endpoint.traffic:
            self.maps.append(dict(endpoint.traffic))
        if endpoint.mirror_traffic != self.endpoint.mirror_traffic:
            self.mirrors.append(dict(endpoint.mirror_traffic))
        self.endpoint = copy.deepcopy(endpoint)
        return SimpleNamespace(result=lambda: None)


def observation(
    *, errors: int = 0, p95_ms: float = 20, answered_by: str = "a b", **more: Any
) -> Observation:
    """Ten requests; each deployment of ``answered_by`` answered some of them."""
    return Observation(
        requests=10, errors=errors, first_error="500" if errors else None,
        requests_per_second=5, p50_ms=10, p95_ms=p95_ms, p99_ms=30, connections=2,
        by_deployment={
            name: Observed(requests=5, errors=0, p95_ms=p95_ms)
            for name in answered_by.split()
        },
        **more,
    )  # fmt: skip


class FakeScoring:
    """Gives the observations of a list, one after the other, and then the last again."""

    def __init__(self, *observations: Observation) -> None:
        self.observations = list(observations) or [observation()]
        self.observed = 0
        self.shares: list[int] = []
        self.predictions: dict[str, list[int]] = {"a": [0, 1], "b": [0, 1]}
        self.before_observing: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def observe(self, rows: Any, *, share: int, **options: Any) -> Observation:
        self.before_observing()
        self.shares.append(share)
        self.observed += 1
        return self.observations[min(self.observed, len(self.observations)) - 1]

    def predict(self, rows: Any, deployment: str) -> list[int]:
        if self.error is not None:
            raise self.error
        return self.predictions[deployment]
