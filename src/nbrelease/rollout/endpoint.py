"""Read and write the traffic of one online endpoint through azure-ai-ml.

An update of an endpoint without its traffic map sets all traffic to 0. So every update here reads
the endpoint first and writes the whole map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nbrelease.rollout.tags import RolloutTags


class Client(Protocol):
    """The part of ``azure.ai.ml.MLClient`` that a rollout needs."""

    online_endpoints: Any
    online_deployments: Any


@dataclass(frozen=True)
class EndpointState:
    """An endpoint's maps, in per cent by deployment, and its tags."""

    traffic: dict[str, int]
    mirror: dict[str, int] = field(default_factory=dict)
    tags: RolloutTags = field(default_factory=RolloutTags)

    @property
    def shares(self) -> dict[str, int]:
        """The traffic map without zeros."""
        return {name: share for name, share in self.traffic.items() if share}

    @property
    def live(self) -> str | None:
        """The deployment with the largest share of the traffic."""
        return max(self.shares, key=self.shares.__getitem__, default=None)


class EndpointTraffic:
    """The traffic of an online endpoint."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def read(self) -> EndpointState:
        """The endpoint's present state."""
        return _state(self._client.online_endpoints.get(self.name))

    def deployments(self) -> set[str]:
        """The names of the endpoint's deployments, with and without traffic."""
        return {each.name for each in self._client.online_deployments.list(self.name)}

    def update(
        self,
        *,
        traffic: Mapping[str, int] | None = None,
        mirror: Mapping[str, int] | None = None,
        tags: Callable[[RolloutTags], RolloutTags] | None = None,
    ) -> EndpointState:
        """Change the endpoint in one update.

        Args:
            traffic: the new map; deployments that it does not name get 0.
            mirror: shares of the requests to copy to a deployment.
            tags: what to make of the present ones.

        Returns:
            The state as it was read back.
        """
        endpoint = self._client.online_endpoints.get(self.name)
        if traffic is not None:
            endpoint.traffic = dict.fromkeys(endpoint.traffic or {}, 0) | dict(traffic)
        if mirror is not None:
            endpoint.mirror_traffic = dict(mirror)
        if tags is not None:
            present = endpoint.tags or {}
            endpoint.tags = tags(RolloutTags.parse(present)).apply(present)
        self._client.online_endpoints.begin_create_or_update(endpoint).result()
        return self.read()


def format_traffic(traffic: Mapping[str, int]) -> str:
    """A traffic map in one line: ``model-1 90 %, model-2 10 %``."""
    by_number = sorted(traffic.items(), key=lambda item: (len(item[0]), item[0]))
    return ", ".join(f"{name} {share} %" for name, share in by_number) or "none"


def _state(endpoint: Any) -> EndpointState:
    return EndpointState(
        traffic=dict(endpoint.traffic or {}),
        mirror=dict(endpoint.mirror_traffic or {}),
        tags=RolloutTags.parse(endpoint.tags or {}),
    )
