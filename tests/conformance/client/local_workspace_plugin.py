"""A pytest plugin that connects Microsoft's end-to-end tests to a local workspace.

It changes no assertion. The clients of their conftest.py name Azure's public cloud and the
credential of the Azure CLI: here the environment names the cloud, and the credential is the
default one. Waits of half a minute between two requests become two seconds, and each test may
take CONFORMANCE_TIMEOUT seconds instead of half an hour. Only the tests that the file
CONFORMANCE_TESTS lists run. One line of JSON for each result goes to CONFORMANCE_RESULTS.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from devtools_testutils.proxy_fixtures import (  # noqa: F401 - fixtures
    environment_variables,
    recorded_test,
    test_proxy,
    variable_recorder,
)

SHORT_WAIT = 2.0
MAX_TEXT = 8000
RESULTS = Path(os.environ["CONFORMANCE_RESULTS"])
TESTS = frozenset(Path(os.environ["CONFORMANCE_TESTS"]).read_text(encoding="utf-8").splitlines())
TIMEOUT = float(os.environ.get("CONFORMANCE_TIMEOUT", "120"))
_sleep = time.sleep


def pytest_configure(config: pytest.Config) -> None:
    for marker in ("unittest", "e2etest"):
        config.addinivalue_line("markers", marker)
    time.sleep = lambda seconds: _sleep(min(seconds, SHORT_WAIT))


def pytest_plugin_registered(plugin: Any) -> None:
    path = Path(getattr(plugin, "__file__", None) or "")
    if path.parts[-2:] != ("tests", "conftest.py") or hasattr(plugin, "connected_to_workspace"):
        return
    plugin.connected_to_workspace = True
    from azure.identity import DefaultAzureCredential

    class MLClient(plugin.MLClient):  # type: ignore[name-defined, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("cloud", None)
            super().__init__(*args, **kwargs)

    plugin.MLClient = MLClient
    plugin.AzureCliCredential = DefaultAzureCredential


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item.nodeid in TESTS]
    for item in items:
        for node in item.listchain():
            node.own_markers = [each for each in node.own_markers if each.name != "timeout"]
        item.add_marker(pytest.mark.timeout(TIMEOUT, method="signal"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.outcome == "passed":
        return
    result = {
        "test": report.nodeid,
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
        "text": report.longreprtext[-MAX_TEXT:],
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
