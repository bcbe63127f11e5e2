"""The server's check of credentials."""

from __future__ import annotations

import pytest
from starlette.datastructures import URL
from starlette.requests import HTTPConnection, Request

from azureml_local.errors import Unauthorized
from azureml_local.server import Server


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, 0, tmp_path)
    yield server
    server.state.store.close()


@pytest.mark.parametrize("host", ["localhost", "x/online/", "x/studio/?", "x/online/#"])
@pytest.mark.parametrize("path", ["/subscriptions/s", "/Online/key/endpoint/score"])
def test_the_host_of_a_request_does_not_decide_whether_it_needs_a_token(
    server, host, path, monkeypatch
):
    # As in Starlette 0.46, which the package allows.
    monkeypatch.setattr(HTTPConnection, "url", URL(f"https://{host}{path}"))
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "server": ("localhost", 1),
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "path_params": {},
    }
    if path.startswith("/Online"):  # it checks its own keys
        server._guard(Request(scope))
    else:
        with pytest.raises(Unauthorized):
            server._guard(Request(scope))
