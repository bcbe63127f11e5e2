"""The maps of live and mirrored traffic."""

from __future__ import annotations

from collections import Counter

import pytest

from azureml_local.errors import BadRequest
from azureml_local.online.traffic import (
    choose_deployment,
    choose_mirror,
    validate_mirror_traffic,
    validate_traffic,
)

NAMES = {"blue", "green"}


@pytest.mark.parametrize("given", [None, {}, {"blue": 0}, {"blue": 100}, {"blue": 1, "green": 99}])
def test_shares_sum_up_to_0_or_100(given):
    assert validate_traffic(given, NAMES) == (given or {})


@pytest.mark.parametrize(
    "given",
    [
        {"blue": 50},
        {"blue": 101},
        {"blue": -1, "green": 101},
        {"blue": 99.5},
        {"blue": "100"},
        {"blue": True},
        {"red": 100},
        [100],
    ],
)
def test_other_maps_are_refused(given):
    with pytest.raises(BadRequest) as refused:
        validate_traffic(given, NAMES)
    assert refused.value.target == "traffic"


@pytest.mark.parametrize(
    "given",
    [{"green": 51}, {"blue": 10}, {"red": 10}, {"green": 10, "red": 10}],
)
def test_mirror_traffic_has_its_own_rules(given):
    assert validate_mirror_traffic({"green": 50}, NAMES, {"blue": 100}) == {"green": 50}
    with pytest.raises(BadRequest) as refused:
        validate_mirror_traffic(given, NAMES, {"blue": 100})
    assert refused.value.target == "mirrorTraffic"


def test_the_draw_keeps_the_shares():
    drawn = Counter(choose_deployment({"blue": 25, "green": 75, "red": 0}) for _ in range(4000))
    assert set(drawn) == NAMES
    assert 800 < drawn["blue"] < 1200
    copies = Counter(choose_mirror({"green": 20}) for _ in range(4000))
    assert 600 < copies["green"] < 1000
    assert choose_deployment({"blue": 0}) is None
    assert choose_mirror({}) is None
