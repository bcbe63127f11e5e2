"""09_rollback with half_way: what it takes for the traffic of a failed rollout to be moved."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROLLBACK = Path(__file__).parents[4] / "runbooks" / "09_rollback.ipynb"
MARK = {"rolling": "model-1", "rolling-map": json.dumps({"model-2": 10, "model-1": 90})}
HALF = {"model-1": 90, "model-2": 10}


def choose(traffic: dict[str, int], tags: dict[str, str], **given: Any) -> dict[str, Any]:
    """Run the cell that decides, before an endpoint with this map and these tags."""
    cells = json.loads(ROLLBACK.read_text(encoding="utf-8"))["cells"]
    [cell] = [each for each in cells if each["id"] == "choose"]
    endpoint = SimpleNamespace(traffic=traffic, tags=tags)
    deployed = [SimpleNamespace(name=name) for name in traffic]
    known = {
        "ml_client": SimpleNamespace(
            online_endpoints=SimpleNamespace(get=lambda _: endpoint),
            online_deployments=SimpleNamespace(list=lambda _: deployed),
        ),
        "online_endpoint": "e", "to_deployment": "", "reason": "", "drill": False,
        "half_way": True, "online_deployment": "model-2", **given,
    }  # fmt: skip
    exec("".join(cell["source"]), known)
    return known


def test_what_the_rollout_left_goes_back_to_what_was_live():
    found = choose(HALF, MARK)
    assert found["needed"]
    assert (found["from_deployment"], found["target"]) == ("model-2", "model-1")


@pytest.mark.parametrize(
    ("traffic", "tags"),
    [
        ({"model-1": 100, "model-2": 0}, {}),
        ({"model-1": 100, "model-2": 0}, MARK),
        ({"model-1": 50, "model-2": 50}, MARK),
        ({"model-2": 100}, MARK | {"rolling-map": json.dumps({"model-2": 100})}),
        ({"model-1": 90, "model-3": 10}, MARK | {"rolling-map": json.dumps({"model-1": 90, "model-3": 10})}),
        ({"model-2": 0}, {}),
        ({}, {}),
    ],
    ids=["in order", "given back", "changed since", "nowhere to go", "another rollout", "a first release", "nothing there"],
)  # fmt: skip
def test_everything_else_stays(traffic, tags):
    assert not choose(traffic, tags)["needed"]


def test_somebody_who_asks_for_it_is_obeyed():
    assert choose({"model-1": 50, "model-2": 50}, {"previous": "model-1"}, half_way=False)["needed"]
    with pytest.raises(ValueError, match="there was no earlier release"):
        choose({"model-2": 100}, {}, half_way=False)
