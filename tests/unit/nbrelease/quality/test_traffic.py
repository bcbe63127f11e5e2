"""Requests to an endpoint, against a real server on loopback."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import requests

from nbrelease.quality.criteria import Traffic
from nbrelease.quality.traffic import breaches, observe, prediction_drift, predictions

ROWS = pd.DataFrame({"a": np.arange(25.0)})


@pytest.fixture
def endpoint():
    """An endpoint that answers as told: right, with an error, or with a row too few."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
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


def test_what_is_seen(endpoint):
    found = observe(endpoint.uri, "k", ROWS, seconds=0.3, connections=3, deployment="model-2")
    assert found["requests"] == len(endpoint.seen) > 3
    assert found["errors"] == 0
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert set(endpoint.seen) == {("model-2", "Bearer k")}
    assert breaches(found, Traffic(p95_ms=60_000)) == []


@pytest.mark.parametrize("mode", ["error", "short"])
def test_wrong_answers_are_errors(endpoint, mode):
    endpoint.RequestHandlerClass.mode = mode
    found = observe(endpoint.uri, "k", ROWS, seconds=0.2)
    assert found["errors"] == found["requests"] > 0
    [said] = breaches(found, Traffic(p95_ms=60_000))
    assert "requests failed" in said


def test_an_answer_that_does_not_come_is_given_up(endpoint):
    endpoint.RequestHandlerClass.mode = "hang"
    found = observe(endpoint.uri, "k", ROWS, seconds=0.1, limits=Traffic(p95_ms=20))
    assert found["errors"] == found["requests"] == 2
    assert "timed out" in found["first_error"]


def test_predictions_are_those_of_each_row_and_refusals_are_raised(endpoint):
    assert predictions(endpoint.uri, "k", ROWS, "model-2") == [0] * 25
    endpoint.RequestHandlerClass.mode = "error"
    with pytest.raises(requests.HTTPError):
        predictions(endpoint.uri, "k", ROWS)


def test_nobody_there_is_an_error(endpoint):
    endpoint.shutdown()
    endpoint.server_close()
    found = observe(endpoint.uri, "k", ROWS, seconds=0.2)
    assert found["errors"] == found["requests"] > 0


def test_a_limit_that_is_not_kept_and_nothing_observed_are_breaches():
    seen = {"requests": 10, "errors": 0, "first_error": None, "p95_ms": 50.0, "drift": 0.4}
    assert breaches(seen, Traffic(p95_ms=100, drift=0.5)) == []
    assert "p95 50 ms" in breaches(seen, Traffic(p95_ms=49))[0]
    assert "drift" in breaches(seen, Traffic(p95_ms=100, drift=0.25))[0]
    assert breaches({**seen, "drift": float("nan")}, Traffic(p95_ms=100, drift=0.25))
    nothing = observe("http://127.0.0.1:9", "k", ROWS, seconds=0)
    assert breaches(nothing, Traffic(p95_ms=100)) == ["nothing was observed"]


def test_each_deployment_is_seen_alone(endpoint):
    endpoint.RequestHandlerClass.named = ["model-1", "model-2"] * 5000
    found = observe(endpoint.uri, "k", ROWS, seconds=1, connections=1)
    endpoint.RequestHandlerClass.named = []
    alone = found["by_deployment"]
    assert set(alone) == {"model-1", "model-2"}
    assert sum(seen["requests"] for seen in alone.values()) == found["requests"]
    assert breaches(found, Traffic(p95_ms=60_000), "model-2") == []
    assert breaches(found, Traffic(p95_ms=60_000), "model-3") == ["nothing was observed of model-3"]
    alone["model-2"]["p95_ms"] = 900.0
    found["p95_ms"] = 20.0
    [said] = breaches(found, Traffic(p95_ms=500), "model-2")
    assert said == "p95 of model-2 900 ms, at most 500 asked"


def test_drift_of_predictions():
    assert prediction_drift([0, 1, 0], [0, 0, 1]) == 0
    assert prediction_drift([0] * 9 + [1], [0] * 5 + [1] * 5) > 0.5
    assert np.isnan(prediction_drift([], [1]))
