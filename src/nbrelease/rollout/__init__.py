"""Move the traffic of an online endpoint to a new deployment, and back.

Runbooks call it with an ``azure.ai.ml.MLClient``. :class:`Rollout` moves the traffic in steps and
rolls back by itself; :func:`plan_rollback` and :func:`roll_back` roll back afterwards. The tags of
the endpoint hold what a later run needs (:mod:`nbrelease.rollout.tags`).
"""

from nbrelease.rollout.endpoint import EndpointTraffic, format_traffic
from nbrelease.rollout.mirror import compare_mirrored
from nbrelease.rollout.rollback import plan_rollback, roll_back
from nbrelease.rollout.steps import Rollout

__all__ = [
    "EndpointTraffic",
    "Rollout",
    "compare_mirrored",
    "format_traffic",
    "plan_rollback",
    "roll_back",
]
