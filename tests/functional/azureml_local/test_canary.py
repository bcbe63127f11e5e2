"""Callers while the traffic moves; benchmarks/canary.py is the same at full size."""

from __future__ import annotations

import os

import pytest
from benchmarks.canary import POINTS, deploy, rollout

pytestmark = pytest.mark.functional

# The full size: NBRELEASE_CANARY_RATE=200 NBRELEASE_CANARY_SECONDS=60
RATE = float(os.environ.get("NBRELEASE_CANARY_RATE", "50"))
SECONDS = float(os.environ.get("NBRELEASE_CANARY_SECONDS", "4.5"))


def test_no_request_fails_while_the_traffic_moves_and_splits_are_as_the_map_says(client):
    ml_client = client()
    deploy(ml_client, "canary", "old", "new")
    steps, answers = rollout(
        ml_client, "canary", "old", "new",
        rate=RATE, seconds=SECONDS, bundle=os.environ["REQUESTS_CA_BUNDLE"],
    )  # fmt: skip
    assert set(answers) == {"200"}, answers
    assert [step.share for step in steps] == [10, 50, 100]
    for step in steps:
        # Few requests stray further by chance alone: five standard deviations of the draw.
        chance = 5 * (step.share * (100 - step.share) / step.requests) ** 0.5
        assert step.off <= max(POINTS, chance), step
    assert steps[-1].measured == 100
