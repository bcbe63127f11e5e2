"""What a rollout writes in the tags of its endpoint, for the rollback and for later releases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LIVE, WRITTEN, PREVIOUS, KEEP = "rolling", "rolling-map", "previous", "keep-"


@dataclass(frozen=True)
class UnfinishedRollout:
    """A rollout that has not ended: it is running, or its process was killed.

    ``live`` is the deployment to roll back to; ``traffic`` the map that the rollout wrote last, in
    per cent by deployment and without zeros.
    """

    live: str
    traffic: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RolloutTags:
    """The tags of an endpoint that nbrelease reads and writes.

    ``previous`` is the deployment that was live before the last release. ``keep_until`` holds the
    last day (ISO format, UTC) on which a deployment without traffic is kept, by deployment.
    """

    unfinished: UnfinishedRollout | None = None
    previous: str | None = None
    keep_until: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, tags: Mapping[str, str]) -> RolloutTags:
        """Read them from an endpoint's tags."""
        live = tags.get(LIVE)
        return cls(
            unfinished=UnfinishedRollout(live, _traffic(tags.get(WRITTEN))) if live else None,
            previous=tags.get(PREVIOUS) or None,
            keep_until={
                name.removeprefix(KEEP): day for name, day in tags.items() if name.startswith(KEEP)
            },
        )

    def apply(self, tags: Mapping[str, str]) -> dict[str, str]:
        """An endpoint's tags with these in place of its own; all others stay."""
        others = {
            name: value
            for name, value in tags.items()
            if name not in (LIVE, WRITTEN, PREVIOUS) and not name.startswith(KEEP)
        }
        if self.unfinished is not None:
            others[LIVE] = self.unfinished.live
            others[WRITTEN] = json.dumps(self.unfinished.traffic)
        if self.previous is not None:
            others[PREVIOUS] = self.previous
        return others | {KEEP + name: day for name, day in self.keep_until.items()}

    def start(self, live: str, traffic: dict[str, int]) -> RolloutTags:
        """While a rollout runs."""
        return replace(self, unfinished=UnfinishedRollout(live, traffic))

    def end(self, deployment: str, until: str, previous: str | None = None) -> RolloutTags:
        """After a rollout: keep ``deployment`` until a day; ``previous`` after a completed one."""
        return RolloutTags(
            previous=previous or self.previous,
            keep_until={**self.keep_until, deployment: until},
        )


def _traffic(text: str | None) -> dict[str, int]:
    """The map of a tag. One that was edited by hand matches no endpoint's."""
    try:
        traffic = json.loads(text or "{}")
    except ValueError:
        return {}
    return traffic if isinstance(traffic, dict) else {}
