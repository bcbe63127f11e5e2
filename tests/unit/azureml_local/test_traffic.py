"""The maps of live and mirrored traffic."""

from __future__ import annotations

from collections import Counter

import pytest

from azureml_local.errors import BadRequest
from azureml_local.online.traffic import checked, checked_mirror, draw, mirrored

NAMES = {"blue", "green"}


@pytest.mark.parametrize("given", [None, {}, {"blue": 0}, {"blue": 100}, {"blue": 1, "green": 99}])
def test_shares_sum_up_to_0_or_100(given):
    assert checked(given, NAMES) == (given or {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"blue": 50}, "sum up to 0 or 100"),
        ({"blue": 101}, "between 0 and 100"),
        ({"blue": -1, "green": 101}, "between 0 and 100"),
        ({"blue": 99.5}, "whole numbers"),
        ({"blue": "100"}, "whole numbers"),
        ({"blue": True}, "whole numbers"),
        ({"red": 100}, "do not exist: red"),
        ([100], "must be an object"),
    ],
)
def test_other_maps_are_refused(given, said):
    with pytest.raises(BadRequest, match=said):
        checked(given, NAMES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"green": 51}, "at most 50 %"),
        ({"blue": 10}, "not both"),
        ({"red": 10}, "do not exist: red"),
    ],
)
def test_mirrored_traffic_has_rules_of_its_own(given, said):
    assert checked_mirror({"green": 50}, NAMES, {"blue": 100}) == {"green": 50}
    with pytest.raises(BadRequest, match=said):
        checked_mirror(given, NAMES, {"blue": 100})


def test_the_draw_keeps_the_shares():
    drawn = Counter(draw({"blue": 25, "green": 75, "red": 0}) for _ in range(4000))
    assert set(drawn) == NAMES
    assert 800 < drawn["blue"] < 1200
    copies = Counter(mirrored({"green": 20}) for _ in range(4000))
    assert 600 < copies["green"] < 1000
    assert draw({"blue": 0}) is None
    assert mirrored({}) is None
