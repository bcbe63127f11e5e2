"""The rollback: one change of the traffic map, to the deployment that was live before."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date
from typing import Literal

from nbrelease.rollout.endpoint import EndpointState, EndpointTraffic


class RollbackError(ValueError):
    """There is nothing to roll back to. ``code`` says why."""

    def __init__(
        self, code: Literal["no earlier release", "not deployed", "has all traffic"], message: str
    ) -> None:
        super().__init__(f"{message}; choose a deployment: -p to_deployment=NAME")
        self.code = code


@dataclass(frozen=True)
class RollbackPlan:
    """Which deployment loses the traffic and which gets all of it.

    ``needed`` is False where no rollout was left unfinished, and only that was to be rolled back.
    """

    source: str
    target: str
    needed: bool
    before: EndpointState


def plan_rollback(
    state: EndpointState,
    deployments: Set[str],
    *,
    to_deployment: str = "",
    unfinished_only: bool = False,
    deployment: str = "",
    drill: bool = False,
) -> RollbackPlan:
    """Decide where the traffic goes.

    Args:
        state: of the endpoint.
        deployments: those that it has.
        to_deployment: the target; empty: the deployment that was live before the rollout that was
            left unfinished, or before the last release.
        unfinished_only: move nothing unless a rollout of ``deployment`` was killed and the traffic
            is still as that rollout left it. Any other map is intended.
        deployment: the one whose rollout may have been killed.
        drill: the traffic goes forward again afterwards, so the first release can be the target.

    Raises:
        RollbackError: there is no target, or it has all traffic already.
    """
    unfinished, shares = state.tags.unfinished, state.shares
    target = to_deployment or (unfinished.live if unfinished else None) or state.tags.previous
    if target is None and drill:
        target = state.live
    others = {name: share for name, share in shares.items() if name != target}
    source = max(others, key=others.__getitem__, default=target or "")
    left_unfinished = (
        unfinished is not None
        and shares == unfinished.traffic
        and deployment in shares
        and bool(others)
        and target in deployments
    )
    if unfinished_only and not drill and not left_unfinished:
        return RollbackPlan(source, target or "", needed=False, before=state)
    known = ", ".join(sorted(deployments)) or "none"
    if not target:
        raise RollbackError(
            "no earlier release", f"there was no earlier release; deployments: {known}"
        )
    if target not in deployments:
        raise RollbackError("not deployed", f"{target} is not deployed; deployments: {known}")
    if not others and not drill:
        raise RollbackError("has all traffic", f"{target} has all the traffic already")
    return RollbackPlan(source, target, needed=True, before=state)


def roll_back(
    endpoint: EndpointTraffic, plan: RollbackPlan, keep_until: date | None = None
) -> EndpointState:
    """Give all traffic to the plan's target, and end mirroring.

    Args:
        endpoint: of the plan.
        plan: of :func:`plan_rollback`.
        keep_until: the last day on which the deployment that loses its traffic is kept; None in a
            drill, which leaves the tags as they are.

    Returns:
        The endpoint's state as it was read back.
    """
    mirror = dict.fromkeys(plan.before.mirror, 0)
    if keep_until is None:
        return endpoint.update(traffic={plan.target: 100}, mirror=mirror)
    until = keep_until.isoformat()
    return endpoint.update(
        traffic={plan.target: 100}, mirror=mirror, tags=lambda tags: tags.end(plan.source, until)
    )
