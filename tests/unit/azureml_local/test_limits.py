"""Settings of online and batch deployments: Azure's defaults and bounds."""

from __future__ import annotations

import pytest

from azureml_local.batch.settings import Settings, parse_settings
from azureml_local.errors import BadRequest
from azureml_local.online.limits import Limits, parse_limits


def online(settings: dict | None = None, variables: dict | None = None, capacity: object = 1):
    properties = {"requestSettings": settings, "environmentVariables": variables}
    return parse_limits(properties, {"capacity": capacity})


def test_defaults_are_azures():
    assert online() == Limits(5.0, 1, None, 1, 1)
    assert online().max_requests == 2
    assert parse_settings({}) == Settings(10, 1, 1, -1, 3, 30.0, True, "predictions.csv")


def test_a_readiness_probe_says_how_long_a_start_may_take():
    assert online().ready_seconds == 310
    probe = {"initialDelay": "PT5S", "period": "PT2S", "failureThreshold": 3}
    assert parse_limits({"readinessProbe": probe}, {}).ready_seconds == 11
    with pytest.raises(BadRequest) as refused:
        parse_limits({"readinessProbe": {"period": "2"}}, {})
    assert refused.value.target == "period"


def test_twice_the_requests_of_all_instances_may_be_there_at_once():
    actual = online({"maxConcurrentRequestsPerInstance": 3, "maxQueueWait": "PT0.5S"}, capacity=4)
    assert (actual.max_requests, actual.queue_seconds) == (24, 0.5)


def test_there_are_never_more_processes_than_processors(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert online({"maxConcurrentRequestsPerInstance": 8}, {"WORKER_COUNT": "8"}).processes == 2
    assert online({"maxConcurrentRequestsPerInstance": 1}, {"WORKER_COUNT": "8"}).processes == 1
    assert parse_settings({"maxConcurrencyPerInstance": 8}).processes == 2


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"settings": {"requestTimeout": "5"}}, "requestTimeout"),
        ({"settings": {"requestTimeout": "PT181S"}}, "requestTimeout"),
        ({"settings": {"requestTimeout": "PT0S"}}, "requestTimeout"),
        ({"settings": {"maxQueueWait": 500}}, "maxQueueWait"),
        ({"settings": {"maxConcurrentRequestsPerInstance": 0}}, "maxConcurrentRequestsPerInstance"),
        ({"settings": {"maxConcurrentRequestsPerInstance": True}}, "maxConcurrentRequestsPerInstance"),
        ({"capacity": 51}, "sku.capacity"),
        ({"capacity": "many"}, "sku.capacity"),
        ({"variables": {"WORKER_COUNT": "all"}}, "WORKER_COUNT"),
    ],
)  # fmt: skip
def test_what_azure_does_not_take_is_refused(given, target):
    with pytest.raises(BadRequest) as refused:
        online(**given)
    assert refused.value.target == target


def test_a_call_of_a_batch_endpoint_has_the_last_word():
    deployed = {
        "miniBatchSize": 5, "errorThreshold": 0, "outputAction": "AppendRow",
        "resources": {"instanceCount": 2}, "retrySettings": {"maxRetries": 1, "timeout": "PT5M"},
    }  # fmt: skip
    call = {
        "miniBatchSize": 1,
        "retrySettings": {"max_retries": 0},
        "compute": {"instanceCount": 1},
    }
    assert parse_settings(deployed, call) == Settings(1, 1, 1, 0, 0, 300.0, True, "predictions.csv")
    assert parse_settings({"outputAction": "SummaryOnly"}).append_row is False


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"miniBatchSize": 0}, "miniBatchSize"),
        ({"errorThreshold": -2}, "errorThreshold"),
        ({"outputAction": "Print"}, "outputAction"),
        ({"outputFileName": "../x.csv"}, "outputFileName"),
        ({"retrySettings": {"timeout": "30"}}, "timeout"),
    ],
)
def test_a_batch_setting_that_azure_does_not_take_is_refused(given, target):
    with pytest.raises(BadRequest) as refused:
        parse_settings(given)
    assert refused.value.target == target
