"""A kernel uses a secret only after the receiver has registered it for masking."""

from __future__ import annotations

import socketserver
import tempfile
import threading
from pathlib import Path

import pytest

from nbrelease import sdk_secrets
from nbrelease.runbook.secret_receiver import receive_secrets
from nbrelease.secrets import Known


def test_a_reported_value_is_masked():
    known = Known()
    with receive_secrets(known):
        sdk_secrets.report(["a secret of azure"])
        assert [(each.start, each.end) for each in known.find("x a secret of azure")] == [(2, 19)]


def test_a_receiver_that_fails_is_an_error_of_the_kernel(monkeypatch):
    class Failing(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "secrets"
        with socketserver.UnixStreamServer(str(path), Failing) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            monkeypatch.setenv(sdk_secrets.ADDRESS, str(path))
            with pytest.raises(ConnectionError):
                sdk_secrets.report(["a secret of azure"])
            thread.join()
