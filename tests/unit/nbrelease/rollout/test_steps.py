"""The rollout: its steps, and each way in which it can fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from tests.unit.nbrelease.rollout.fakes import FakeClient, FakeScoring, observation

from nbrelease.quality.criteria import RequestLimits
from nbrelease.rollout import Rollout

LIMITS = RequestLimits(p95_ms=100, drift=1.0)
LINE = np.arange(200) / 7
LIVE = {"a": 100, "b": 0}


def new_rollout(client: FakeClient, scoring: FakeScoring, **options: Any) -> Rollout:
    options = {"patience_seconds": 5, "retry_seconds": 0, "log": lambda line: None, **options}
    return Rollout(client, "e", "b", scoring, pd.DataFrame(), LIMITS, **options)


def run_steps(rollout: Rollout) -> Rollout:
    with rollout:
        for share in rollout.shares([10, 50, 100]):
            rollout.step(share)
    return rollout


def run(client: FakeClient, scoring: FakeScoring, **options: Any) -> Rollout:
    return run_steps(new_rollout(client, scoring, **options))


def decisions(rollout: Rollout) -> list[str]:
    return [step.decision for step in rollout.steps]


def test_the_traffic_moves_in_steps_and_the_previous_deployment_is_kept():
    client = FakeClient(LIVE)
    rollout = run(client, FakeScoring())
    assert client.maps == [{"a": 90, "b": 10}, {"a": 50, "b": 50}, {"a": 0, "b": 100}]
    assert decisions(rollout) == ["go on", "go on", "done"]
    assert [step.before for step in rollout.steps] == [
        {"a": 100},
        {"a": 90, "b": 10},
        {"a": 50, "b": 50},
    ]
    assert [step.observed.drift for step in rollout.steps] == [0, 0, 0]
    assert rollout.completed
    assert rollout.rollback is None
    until = (datetime.now(UTC).date() + timedelta(days=14)).isoformat()
    deployment = rollout.keep_deployment(14)
    assert (deployment.name, deployment.until.isoformat()) == ("a", until)
    assert client.endpoint.tags == {"previous": "a", "keep-a": until}
    assert client.endpoint.traffic == {"a": 0, "b": 100}


def test_while_it_runs_the_tags_say_what_to_roll_back_to():
    client, scoring, tags = FakeClient(LIVE, other="stays"), FakeScoring(), []
    scoring.before_observing = lambda: tags.append(dict(client.endpoint.tags))
    run(client, scoring)
    assert [each["rolling"] for each in tags] == ["a"] * 3
    assert [json.loads(each["rolling-map"]) for each in tags] == [
        {"a": 90, "b": 10}, {"a": 50, "b": 50}, {"b": 100},
    ]  # fmt: skip
    assert client.endpoint.tags["other"] == "stays"


@pytest.mark.parametrize("traffic", [{"b": 0}, {"b": 100}], ids=["first", "repeated"])
def test_a_first_release_gets_all_traffic_at_once(traffic):
    client = FakeClient(traffic, "b")
    rollout = run(client, FakeScoring())
    assert client.endpoint.traffic == {"b": 100}
    assert decisions(rollout) == ["done"]
    assert rollout.previous is None
    assert rollout.keep_deployment(14) is None


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ({"errors": 1}, "error_rate"),
        ({"p95_ms": 101.0}, "p95_ms"),
        ({"answered_by": "a"}, "no_requests_of_deployment"),
    ],
)
def test_a_limit_that_is_exceeded_rolls_back(seen, code):
    client = FakeClient(LIVE)
    rollout = run(client, FakeScoring(observation(), observation(**seen)))
    assert decisions(rollout) == ["go on", "roll back"]
    assert rollout.steps[-1].problems == [code]
    assert rollout.steps[-1].observed.requests == 10
    assert rollout.rollback.state == "rolled back"
    assert not rollout.completed
    assert client.endpoint.traffic == LIVE
    assert rollout.keep_deployment(14).name == "b"
    assert set(client.endpoint.tags) == {"keep-b"}


def test_a_step_is_observed_until_its_share_was_hit():
    scoring = FakeScoring()
    assert run(FakeClient(LIVE), scoring).completed
    assert scoring.shares == [10, 50, 100]


def test_answers_without_a_name_are_no_reason_to_stop():
    assert run(FakeClient(LIVE), FakeScoring(observation(answered_by=""))).completed


@pytest.mark.parametrize(
    ("task", "live", "new", "code"),
    [
        ("regression", LINE, LINE + 0.01, []),
        ("", LINE, LINE + 0.01, []),
        ("regression", LINE, LINE + 900, ["drift"]),
        ("forecasting", LINE, LINE * 3, ["drift"]),
        ("multiclass", ["a", "b"] * 50, ["b", "a"] * 50, []),
        ("multiclass", ["a", "b"] * 50, ["a", "c"] * 50, ["drift"]),
        ("binary", LINE / 30, LINE / 30 + 1e-4, []),
    ],
)
def test_predictions_are_compared_as_numbers_or_as_classes(task, live, new, code):
    client, scoring = FakeClient(LIVE), FakeScoring()
    scoring.predictions = {"a": list(live), "b": list(new)}
    rollout = run(client, scoring, task=task)
    assert rollout.steps[-1].problems == code
    assert rollout.completed == (not code)
    assert client.endpoint.traffic == ({"a": 0, "b": 100} if not code else {"a": 100, "b": 0})


def test_predictions_that_drift_roll_back():
    scoring = FakeScoring()
    scoring.predictions["b"] = [1, 1]
    rollout = run(FakeClient(LIVE), scoring)
    assert rollout.steps[-1].problems == ["drift"]
    assert rollout.rollback.state == "rolled back"


def test_predictions_that_cannot_be_compared_roll_back_and_the_observation_is_recorded():
    client, scoring = FakeClient(LIVE), FakeScoring()
    scoring.error = requests.HTTPError("424")
    rollout = run(client, scoring)
    assert rollout.steps[-1].problems == ["not_compared"]
    assert rollout.steps[-1].observed is not None
    assert client.endpoint.traffic == LIVE


def test_a_workspace_that_stops_to_answer_is_asked_again_until_it_rolls_back():
    client, lines = FakeClient(LIVE), []
    client.fail(3, after=4)  # one read before, three calls of the first step
    rollout = run(client, FakeScoring(), log=lines.append)
    assert decisions(rollout) == ["roll back"]
    assert rollout.steps[-1].problems == ["not_observed"]
    assert rollout.rollback.state == "rolled back"
    assert client.endpoint.traffic == LIVE
    assert len(lines) == 3  # two more tries, and the result


def test_a_workspace_that_never_answers_again_is_reported():
    client = FakeClient(LIVE)
    client.fail(1_000, after=4)
    rollout = run(client, FakeScoring(), patience_seconds=0.01, retry_seconds=0.01)
    assert decisions(rollout) == ["leave as it is"]
    assert rollout.rollback.state == "left"
    assert "the workspace does not answer" in rollout.failure


def test_an_update_that_fails_during_the_rollback_is_recognized_as_own():
    client = FakeClient(LIVE)
    client.fail(1, after=4)  # the map is written, its reading back fails
    rollout = run(client, FakeScoring())
    assert client.maps == [{"a": 90, "b": 10}, {"a": 100, "b": 0}]
    assert rollout.rollback.state == "rolled back"


def test_a_map_that_another_user_changed_is_left_as_it_is():
    client, scoring = FakeClient(LIVE, "a b c"), FakeScoring()

    def change() -> None:
        client.endpoint.traffic = {"a": 50, "b": 0, "c": 50}

    scoring.before_observing = change
    rollout = run(client, scoring)
    assert decisions(rollout) == ["go on", "leave as it is"]
    assert rollout.steps[-1].problems == ["traffic_changed"]
    assert rollout.rollback.state == "left"
    assert client.endpoint.traffic == {"a": 50, "b": 0, "c": 50}
    assert rollout.keep_deployment(14) is None
    assert "rolling" in client.endpoint.tags


def test_the_traffic_stays_where_the_live_deployment_was_deleted():
    client, scoring = FakeClient(LIVE), FakeScoring(observation(errors=1))
    scoring.before_observing = lambda: client.names.remove("a")
    rollout = run(client, scoring)
    assert rollout.rollback.state == "left"
    assert client.endpoint.traffic == {"a": 90, "b": 10}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("x")])
def test_an_interruption_rolls_back_and_is_raised(error):
    client, scoring = FakeClient(LIVE), FakeScoring()

    def interrupt() -> None:
        if scoring.observed:
            raise error

    scoring.before_observing = interrupt
    rollout = new_rollout(client, scoring)
    with pytest.raises(type(error)):
        run_steps(rollout)
    assert decisions(rollout) == ["go on", "roll back"]
    assert rollout.steps[-1].problems == ["interrupted"]
    assert client.endpoint.traffic == LIVE


def test_a_rollout_that_ends_early_rolls_back():
    client = FakeClient(LIVE)
    with new_rollout(client, FakeScoring()) as rollout:
        rollout.step(10)
    assert rollout.steps[-1].problems == ["incomplete"]
    assert client.endpoint.traffic == LIVE


def test_after_a_killed_rollout_the_deployment_that_was_live_before_it_is_the_previous_one():
    tags = {"rolling": "a", "rolling_map": '{"a": 10, "b": 90}'}
    client = FakeClient({"a": 10, "b": 90}, **tags)
    rollout = run(client, FakeScoring(observation(errors=1)))
    assert rollout.previous == "a"
    assert client.endpoint.traffic == LIVE
    assert new_rollout(FakeClient({"a": 0, "b": 100}, **tags), FakeScoring()).previous == "a"
    assert new_rollout(FakeClient({"c": 100, "a": 0}, **tags), FakeScoring()).previous == "c"


def mirror(client: FakeClient, scoring: FakeScoring, **compared: Any) -> Rollout:
    with new_rollout(client, scoring) as rollout:
        result = rollout.mirror(20)
        rollout.check_mirrored(result.model_copy(update=compared))
        for share in rollout.shares([100]):
            rollout.step(share)
    return rollout


def test_mirrored_requests_end_before_the_traffic_moves():
    client, scoring, seen = FakeClient(LIVE), FakeScoring(), []
    scoring.before_observing = lambda: seen.append(dict(client.endpoint.mirror_traffic))
    assert mirror(client, scoring, rows=5, drift=0.1).completed
    assert seen == [{"b": 20}, {"b": 0}]
    assert client.mirrors == [{"b": 20}, {"b": 0}]
    assert scoring.shares[0] == 20


@pytest.mark.parametrize(
    ("compared", "code"),
    [({"rows": 5, "drift": 1.1}, "mirrored_drift"), ({}, "mirrored_not_collected")],
)
def test_mirrored_requests_with_a_problem_move_no_traffic(compared, code):
    client = FakeClient(LIVE)
    rollout = mirror(client, FakeScoring(), **compared)
    assert decisions(rollout) == ["give no traffic"]
    assert rollout.steps[-1].problems == [code]
    assert rollout.rollback.state == "not moved"
    assert client.maps == []
    assert rollout.keep_deployment(14).name == "b"


def test_a_workspace_that_refuses_to_mirror_is_no_reason_to_stop():
    client = FakeClient(LIVE)
    client.refuses_to_mirror = True
    with new_rollout(client, FakeScoring()) as rollout:
        result = rollout.mirror(20)
        rollout.check_mirrored(result)
        for share in rollout.shares([100]):
            rollout.step(share)
    assert (result.percent, result.why) == (0, "mirrored traffic is not supported")
    assert rollout.completed


def test_mirroring_ends_when_the_observation_fails():
    client, scoring = FakeClient(LIVE), FakeScoring()

    def fail() -> None:
        raise RuntimeError

    scoring.before_observing = fail
    with pytest.raises(RuntimeError):
        new_rollout(client, scoring).mirror(20)
    assert client.endpoint.mirror_traffic == {"b": 0}


def test_deployments_whose_last_day_is_over_are_found():
    today = datetime.now(UTC).date()
    tags = {
        "keep_c": (today - timedelta(days=1)).isoformat(),
        "keep_d": today.isoformat(),
        "keep_f": (today - timedelta(days=1)).isoformat(),
        "keep_a": "2020-01-01",
    }
    client = FakeClient({"a": 99, "b": 0, "c": 0, "d": 0, "e": 0, "f": 1}, "a b c d e f", **tags)
    assert new_rollout(client, FakeScoring()).find_expired() == ["c"]


def test_a_step_is_printed_with_both_maps_its_measurements_and_the_decision():
    rollout = run(FakeClient(LIVE), FakeScoring(observation(), observation(errors=2)))
    first, second = map(str, rollout.steps)
    assert "a 100 % -> a 90 %, b 10 %" in first
    assert "10 requests, 0 errors, p95 20.0 ms, drift 0.000" in first
    assert second.endswith(f"roll back: {rollout.steps[1].why}")
