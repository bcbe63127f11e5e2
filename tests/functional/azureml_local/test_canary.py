"""Requests during a rollout: a short run of benchmarks/canary.py."""

from __future__ import annotations

import os

import pytest
from benchmarks.canary import POINTS, deploy, measure_rollout

pytestmark = pytest.mark.functional

# The full benchmark: NBRELEASE_CANARY_RATE=200 NBRELEASE_CANARY_SECONDS=60
RATE = float(os.environ.get("NBRELEASE_CANARY_RATE", "50"))
SECONDS = float(os.environ.get("NBRELEASE_CANARY_SECONDS", "4.5"))


def test_no_request_fails_during_a_rollout_and_the_splits_follow_the_map(client):
    ml_client = client()
    deploy(ml_client, "canary", "old", "new")
    steps, answers = measure_rollout(
        ml_client, "canary", "old", "new",
        rate=RATE, seconds=SECONDS, bundle=os.environ["REQUESTS_CA_BUNDLE"],
    )  # fmt: skip
    assert set(answers) == {"200"}, answers
    assert [step.share for step in steps] == [10, 50, 100]
    for step in steps:
        # With few requests the split varies more: five standard deviations of a binomial share.
        chance = 5 * (step.share * (100 - step.share) / step.requests) ** 0.5
        assert step.deviation <= max(POINTS, chance), step
    assert steps[-1].measured == 100
