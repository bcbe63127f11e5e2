"""Receive the secrets that Azure's services return to a runbook's kernel.

The values come through a Unix socket in a folder of this user and are only in memory. See
:mod:`nbrelease.sdk_secrets` for the kernel's side.
"""

from __future__ import annotations

import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbrelease import sdk_secrets
from nbrelease.secrets import Known

KIND = "a secret that Azure ML returned"


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        for value in json.loads(self.rfile.readline()):
            self.server.known.add(value, KIND)
        self.wfile.write(sdk_secrets.RECEIVED)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, known: Known) -> None:
        super().__init__(str(path), _Handler)
        self.known = known


@contextmanager
def receive_secrets(known: Known) -> Iterator[None]:
    """Add the values that kernels report to ``known`` while the context is open.

    Kernels started in the context get the address of the socket through the environment.
    """
    with tempfile.TemporaryDirectory(prefix="nbrelease-") as folder:
        path = Path(folder) / "secrets"
        with _Server(path, known) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            os.environ[sdk_secrets.ADDRESS] = str(path)
            try:
                yield
            finally:
                del os.environ[sdk_secrets.ADDRESS]
                server.shutdown()
                thread.join()
