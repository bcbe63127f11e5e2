"""Report the secrets that Azure's services return to a kernel, so that they are masked by value.

A key of an endpoint has no format of its own: it is known only from the answer in which it came.
:func:`install` runs in the kernel of a runbook before its first cell. It reads the answers of the
operations that return secrets (`list keys`, `get token`, `list secrets`, pending uploads) and of
token requests, and reports their values to the process that writes the evidence, before the
runbook's code gets them. The module imports nothing that a kernel may lack.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

ADDRESS = "NBRELEASE_SECRET_SOCKET"
"""The variable with the path of the socket that receives the values."""
RECEIVED = b"1"
"""The reply of the receiver when it masks the values."""

# The last part of the path of an operation that returns secrets; see azure.ai.ml._restclient.
OPERATIONS = re.compile(
    r"/(?:list\w*keys|listsecrets|token|startpendingupload|getblobreferencesas|generatesas)/?$",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(r"(?:key|token|secret|sas|sasuri|password|value)\d?$", re.IGNORECASE)
_SHORTEST = 8


def install() -> None:
    """Read the answers to requests from now on; no effect without the socket."""
    if ADDRESS not in os.environ:
        return
    if "requests.sessions" in sys.modules:
        _wrap(sys.modules["requests.sessions"])
    else:
        sys.meta_path.insert(0, _Finder())


def secret_values(content: Any) -> Iterator[str]:
    """The secrets in the JSON of an answer: values of secret keys, and signatures of URLs."""
    items = content.items() if isinstance(content, dict) else ()
    for key, value in items:
        if isinstance(value, str):
            if _SECRET_KEY.search(key) and len(value) >= _SHORTEST:
                yield value
                yield from parse_qs(urlsplit(value).query).get("sig", [])
        else:
            yield from secret_values(value)
    if isinstance(content, list):
        for item in content:
            yield from secret_values(item)


def report(values: Sequence[str]) -> None:
    """Send the values to the receiver and wait until it knows them.

    Raises:
        OSError: the receiver has ended, and with it the run, or it cannot read the values.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.environ[ADDRESS])
        connection.sendall(json.dumps(values).encode() + b"\n")
        if connection.recv(1) != RECEIVED:
            raise ConnectionError("nbrelease cannot mask the secrets of an answer; see its log")


def _wrap(sessions: ModuleType) -> None:
    original = sessions.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        response = original(self, request, **options)
        if OPERATIONS.search(urlsplit(request.url).path) and response.ok:
            try:
                values = list(secret_values(response.json()))
            except ValueError:  # not JSON: it is no answer of such an operation
                values = []
            if values:
                report(values)
        return response

    sessions.Session.send = send


class _Finder(MetaPathFinder):
    """Wraps requests when it is imported; importing it for every kernel takes long."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "requests.sessions":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _wrap(module)
