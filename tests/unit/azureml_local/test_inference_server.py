"""The rules of Azure's inference server for scoring scripts: the arguments of run(), and the responses."""

from __future__ import annotations

import json

import flask
import pytest

from azureml_local.online.inference_server import InferenceServer
from azureml_local.online.raw_http import AMLResponse
from azureml_local.scoring.frames import ScoringRequest
from azureml_local.scoring.script_loader import InvalidScript

EMPTY = ScoringRequest(b"{}")


def respond(run, request=EMPTY, **options):
    return InferenceServer(run, "endpoint", **options).answer(request)


@pytest.mark.parametrize(
    ("value", "status", "body", "failed"),
    [
        ({"a": 1}, 200, b'{"a": 1}', "False"),
        (None, 200, b"{}", "False"),
        ("text", 200, b'"text"', "False"),
        (AMLResponse("made", 201), 201, b"made", "False"),
        (AMLResponse({"a": 1}, 503, json_str=True), 503, b'{"a": 1}', "True"),
        (flask.Response("none", 204), 204, b"none", None),
        (flask.Response("bad", 500), 500, b"bad", "True"),
    ],
)
def test_return_values(value, status, body, failed):
    response = respond(lambda data: value)
    headers = dict(response.headers)
    assert (response.status, response.body) == (status, body)
    assert headers.get("x-ms-run-function-failed") == failed
    assert "x-ms-run-fn-exec-ms" in headers


def test_an_exception_is_a_500_without_its_text(capsys):
    def run(data):
        raise ValueError("secret")

    response = respond(run)
    headers = dict(response.headers)
    assert (response.status, headers["x-ms-run-function-failed"]) == (500, "True")
    assert set(json.loads(response.body)) == {"message"}
    assert b"secret" not in response.body
    assert "ValueError: secret" in capsys.readouterr().err


def test_a_value_that_is_not_json_is_an_error_of_the_server():
    response = respond(lambda data: {1, 2})
    assert (response.status, dict(response.headers)["x-ms-run-function-failed"]) == (500, "False")


def test_the_body_and_the_query_are_passed_as_text():
    assert json.loads(respond(lambda raw: raw, ScoringRequest(b"a,b\n1,2")).body) == "a,b\n1,2"
    query = ScoringRequest(b"", "GET", query="a=1&b=[1,2]&c=x&d=1&d=y&e=")
    assert json.loads(respond(lambda raw: json.loads(raw), query).body) == {
        "a": 1, "b": [1, 2], "c": "x", "d": [1, "y"], "e": "",
    }  # fmt: skip
    assert respond(lambda raw: raw, ScoringRequest(b"\xff")).status == 400
    form = [["content-type", "application/x-www-form-urlencoded"]]
    assert respond(lambda raw: raw, ScoringRequest(b"a=1", headers=form)).body == b'""'


def test_request_headers_are_passed_on_request():
    request = ScoringRequest(b"{}", headers=[["x-mine", "1"]])
    body = respond(lambda data, request_headers: request_headers, request).body
    assert json.loads(body) == {"X-Mine": "1"}


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_raw_requests_have_their_method(method):
    response = respond(lambda r: AMLResponse(r.method, 200), ScoringRequest(b"", method), raw=True)
    assert response.body == method.encode()


@pytest.mark.parametrize(
    "run", [lambda: 1, lambda *data: 1, lambda **data: 1, lambda request_headers: 1]
)
def test_a_run_that_the_server_cannot_call(run):
    with pytest.raises(InvalidScript):
        InferenceServer(run, "endpoint")


@pytest.mark.parametrize(
    ("file", "versions"),
    [
        ("swagger.json", ["2", "2.0"]),
        ("swagger2.json", ["2", "2.0"]),
        ("swagger3.json", ["3", "3.0"]),
        ("swagger3.1.json", ["3.1"]),
    ],
)
def test_a_script_has_its_own_swagger_documents(tmp_path, file, versions):
    (tmp_path / file).write_text('{"own": 1}')
    server = InferenceServer(lambda data: data, "endpoint", folder=tmp_path)
    for version in ("2", "2.0", "3", "3.0", "3.1"):
        response = server.answer(ScoringRequest(b"", "GET", "/swagger.json", f"version={version}"))
        assert (json.loads(response.body) == {"own": 1}) == (version in versions)
