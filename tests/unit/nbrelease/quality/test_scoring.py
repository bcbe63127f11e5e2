"""Requests to an endpoint, against a real server on loopback."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import requests

from nbrelease.quality.criteria import RequestLimits
from nbrelease.quality.drift import prediction_drift
from nbrelease.quality.payload import Payload
from nbrelease.quality.scoring import Observation, ScoringClient, check_limits
from nbrelease.quality.signature import Column, Signature

ROWS = pd.DataFrame({"a": np.arange(25.0)})
PAYLOAD = Payload(Signature((Column("a", "double"),)))


def client(endpoint) -> ScoringClient:
    return ScoringClient(endpoint.uri, "k", PAYLOAD)


def codes(
    observation: Observation, limits: RequestLimits, deployment: str | None = None
) -> list[str]:
    return [problem.code for problem in check_limits(observation, limits, deployment)]


@pytest.fixture
def endpoint():
    """An endpoint that answers by its mode: right, with an error, or with a row too few."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
        mode = "right"
        named: ClassVar[list[str]] = []

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.headers["azureml-model-deployment"], self.headers["Authorization"]))
            rows = len(body["input_data"]["data"])
            if self.mode == "hang":
                time.sleep(2)
            answer = [0] * (rows - (self.mode == "short"))
            content = json.dumps(answer).encode()
            self.send_response(500 if self.mode == "error" else 200)
            self.send_header("Content-Length", str(len(content)))
            if self.named:
                self.send_header("azureml-model-deployment", self.named.pop(0))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.uri = seen, f"http://127.0.0.1:{server.server_port}/score"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_requests_are_counted_and_their_latency_is_measured(endpoint):
    result = client(endpoint).observe(ROWS, seconds=0.3, connections=3, deployment="model-2")
    assert result.requests == len(endpoint.seen) > 3
    assert result.errors == 0
    assert 0 < result.p50_ms <= result.p95_ms <= result.p99_ms
    assert set(endpoint.seen) == {("model-2", "Bearer k")}
    assert codes(result, RequestLimits(p95_ms=60_000)) == []
    load_test = result.load_test("Standard_DS3_v2", 2)
    assert (load_test.requests, load_test.sku, load_test.instances) == (
        result.requests,
        "Standard_DS3_v2",
        2,
    )


@pytest.mark.parametrize("mode", ["error", "short"])
def test_wrong_answers_are_errors(endpoint, mode):
    endpoint.RequestHandlerClass.mode = mode
    result = client(endpoint).observe(ROWS, seconds=0.2)
    assert result.errors == result.requests > 0
    assert codes(result, RequestLimits(p95_ms=60_000)) == ["error_rate"]


def test_an_exception_of_the_projects_own_function_is_an_error(endpoint):
    def answer(body):
        if len(body) < 5:  # the last batch
            raise KeyError("predictions")
        return body

    payload = Payload(PAYLOAD.signature, SimpleNamespace(answer=answer))
    result = ScoringClient(endpoint.uri, "k", payload).observe(
        ROWS.head(21), seconds=0.3, connections=1
    )
    assert 0 < result.errors < result.requests == len(endpoint.seen)
    assert result.first_error == "KeyError: 'predictions'"
    assert codes(result, RequestLimits(p95_ms=60_000)) == ["error_rate"]


def test_a_request_without_an_answer_is_aborted(endpoint):
    endpoint.RequestHandlerClass.mode = "hang"
    result = client(endpoint).observe(ROWS, seconds=0.25, limits=RequestLimits(p95_ms=100))
    assert result.errors == result.requests == 2
    assert "timed out" in result.first_error


def test_predictions_are_those_of_each_row_and_an_error_status_is_raised(endpoint):
    assert client(endpoint).predict(ROWS, "model-2") == [0] * 25
    endpoint.RequestHandlerClass.mode = "error"
    with pytest.raises(requests.HTTPError):
        client(endpoint).predict(ROWS)


def test_no_server_is_an_error(endpoint):
    endpoint.shutdown()
    endpoint.server_close()
    result = client(endpoint).observe(ROWS, seconds=0.2)
    assert result.errors == result.requests > 0


def test_limits_that_are_exceeded_and_no_requests_are_problems():
    seen = Observation(
        requests=10, errors=0, requests_per_second=1, p50_ms=20, p95_ms=50, p99_ms=60,
        connections=2, drift=0.4,
    )  # fmt: skip
    assert codes(seen, RequestLimits(p95_ms=100, drift=0.5)) == []
    assert codes(seen, RequestLimits(p95_ms=49)) == ["p95_ms"]
    assert codes(seen, RequestLimits(p95_ms=100, drift=0.25)) == ["drift"]
    unknown = seen.model_copy(update={"drift": float("nan")})
    assert codes(unknown, RequestLimits(p95_ms=100, drift=0.25)) == ["drift"]
    nothing = ScoringClient("http://127.0.0.1:9", "k", PAYLOAD).observe(ROWS, seconds=0)
    assert codes(nothing, RequestLimits(p95_ms=100)) == ["no_requests"]


@pytest.mark.parametrize(("share", "fewest"), [(1, 688), (10, 66), (50, 10), (100, 0)])
def test_an_observation_goes_on_until_a_small_share_was_hit(endpoint, share, fewest):
    result = client(endpoint).observe(ROWS, seconds=0, share=share, connections=1)
    assert result.requests == fewest


def test_a_slow_endpoint_is_not_observed_for_ever(endpoint):
    endpoint.RequestHandlerClass.mode = "hang"
    limits = RequestLimits(p95_ms=2)
    result = client(endpoint).observe(ROWS, seconds=0, share=10, limits=limits)
    assert 0 < result.requests < 66


def test_each_deployment_is_measured_on_its_own(endpoint):
    endpoint.RequestHandlerClass.named = ["model-1", "model-2"] * 5000
    result = client(endpoint).observe(ROWS, seconds=1, connections=1)
    endpoint.RequestHandlerClass.named = []
    own = result.by_deployment
    assert set(own) == {"model-1", "model-2"}
    assert sum(each.requests for each in own.values()) == result.requests
    limits = RequestLimits(p95_ms=60_000)
    assert codes(result, limits, "model-2") == []
    assert codes(result, limits, "model-3") == ["no_requests_of_deployment"]
    slow = own["model-2"].model_copy(update={"p95_ms": 900.0})
    result = result.model_copy(update={"p95_ms": 20.0, "by_deployment": {**own, "model-2": slow}})
    assert codes(result, RequestLimits(p95_ms=500), "model-2") == ["deployment_p95_ms"]


def test_drift_of_predictions():
    assert prediction_drift([0, 1, 0], [0, 0, 1]) == 0
    assert prediction_drift([0] * 9 + [1], [0] * 5 + [1] * 5) > 0.5
