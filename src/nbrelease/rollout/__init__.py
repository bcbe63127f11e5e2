"""Move the traffic of an online endpoint to a new deployment, and back.

Runbooks call it with an ``azure.ai.ml.MLClient``. :class:`Rollout` moves the traffic in steps and
rolls back by itself; :func:`plan_rollback` and :func:`roll_back` roll back afterwards. What a later
run has to know stands in the endpoint's tags (:class:`RolloutTags`).
"""

from nbrelease.rollout.endpoint import EndpointState, EndpointTraffic, format_traffic
from nbrelease.rollout.mirror import MirrorResult, compare_mirrored
from nbrelease.rollout.rollback import RollbackError, RollbackPlan, plan_rollback, roll_back
from nbrelease.rollout.steps import Rollout, Step
from nbrelease.rollout.tags import RolloutTags, UnfinishedRollout

__all__ = [
    "EndpointState",
    "EndpointTraffic",
    "MirrorResult",
    "RollbackError",
    "RollbackPlan",
    "Rollout",
    "RolloutTags",
    "Step",
    "UnfinishedRollout",
    "compare_mirrored",
    "format_traffic",
    "plan_rollback",
    "roll_back",
]
