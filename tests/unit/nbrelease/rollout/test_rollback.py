"""The rollback: where the traffic goes, and when it stays."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from tests.unit.nbrelease.rollout.fakes import FakeClient

from nbrelease.rollout import EndpointTraffic, plan_rollback, roll_back
from nbrelease.rollout.rollback import RollbackError, RollbackPlan

UNFINISHED = {"rolling": "model-1", "rolling-map": json.dumps({"model-2": 10, "model-1": 90})}
HALF = {"model-1": 90, "model-2": 10}


def plan(traffic: dict[str, int], tags: dict[str, str], **options: Any) -> RollbackPlan:
    client = FakeClient(traffic, " ".join(traffic), **tags)
    options = {"unfinished_only": True, "deployment": "model-2", **options}
    endpoint = EndpointTraffic(client, "e")
    return plan_rollback(endpoint.read(), endpoint.deployments(), **options)


def test_an_unfinished_rollout_is_rolled_back_to_the_live_deployment():
    result = plan(HALF, UNFINISHED)
    assert result.needed
    assert (result.source, result.target) == ("model-2", "model-1")


@pytest.mark.parametrize(
    ("traffic", "tags"),
    [
        ({"model-1": 100, "model-2": 0}, {}),
        ({"model-1": 100, "model-2": 0}, UNFINISHED),
        ({"model-1": 50, "model-2": 50}, UNFINISHED),
        (HALF, UNFINISHED | {"rolling-map": "edited by hand"}),
        ({"model-2": 100}, UNFINISHED | {"rolling-map": json.dumps({"model-2": 100})}),
        ({"model-1": 90, "model-3": 10}, UNFINISHED | {"rolling-map": json.dumps({"model-1": 90, "model-3": 10})}),
        ({"model-2": 0}, {}),
        ({}, {}),
    ],
    ids=["in order", "rolled back", "changed since", "tag edited", "target deleted", "another rollout", "a first release", "no deployment"],
)  # fmt: skip
def test_any_other_map_stays(traffic, tags):
    assert not plan(traffic, tags).needed


@pytest.mark.parametrize(
    ("tags", "to_deployment", "target"),
    [
        ({"previous": "model-1"}, "", "model-1"),
        ({"previous": "model-3", **UNFINISHED}, "", "model-1"),
        ({"previous": "model-1"}, "model-3", "model-3"),
    ],
)
def test_the_target(tags, to_deployment, target):
    traffic = {"model-1": 0, "model-2": 100, "model-3": 0}
    result = plan(traffic, tags, unfinished_only=False, to_deployment=to_deployment)
    assert (result.source, result.target, result.needed) == ("model-2", target, True)


@pytest.mark.parametrize(
    ("traffic", "tags", "options", "code"),
    [
        ({"model-2": 100}, {}, {}, "no earlier release"),
        ({"model-2": 100}, {"previous": "model-1"}, {}, "not deployed"),
        ({"model-1": 100, "model-2": 0}, {"previous": "model-1"}, {}, "has all traffic"),
        ({"model-2": 100}, {}, {"to_deployment": "model-9"}, "not deployed"),
        ({}, {}, {"drill": True}, "no earlier release"),
    ],
)
def test_nothing_to_roll_back_to_is_an_error(traffic, tags, options, code):
    with pytest.raises(RollbackError) as caught:
        plan(traffic, tags, unfinished_only=False, **options)
    assert caught.value.code == code
    assert "to_deployment" in str(caught.value)


def test_the_drill_of_a_first_release_has_itself_as_target():
    result = plan({"model-2": 100}, {}, unfinished_only=False, drill=True)
    assert (result.source, result.target, result.needed) == ("model-2", "model-2", True)


def test_a_rollback_is_one_update_and_ends_mirroring():
    client = FakeClient(HALF, "model-1 model-2", **UNFINISHED, previous="model-0")
    client.endpoint.mirror_traffic = {"model-2": 20}
    endpoint = EndpointTraffic(client, "e")
    chosen = plan_rollback(endpoint.read(), endpoint.deployments())
    after = roll_back(endpoint, chosen, date(2026, 1, 31))
    assert after.traffic == {"model-1": 100, "model-2": 0}
    assert client.maps == [{"model-1": 100, "model-2": 0}]
    assert client.mirrors == [{"model-2": 0}]
    assert client.endpoint.tags == {"previous": "model-0", "keep-model-2": "2026-01-31"}


def test_a_drill_leaves_the_tags():
    client = FakeClient({"a": 0, "b": 100}, previous="a")
    endpoint = EndpointTraffic(client, "e")
    chosen = plan_rollback(endpoint.read(), endpoint.deployments(), drill=True)
    roll_back(endpoint, chosen)
    assert client.endpoint.traffic == {"a": 100, "b": 0}
    assert client.endpoint.tags == {"previous": "a"}
