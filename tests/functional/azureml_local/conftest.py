"""A local workspace for these tests, and clients of the unmodified SDK that connect to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.functional.azureml_local import run_with_sdk

import child_processes
from child_processes import preload

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"


class Local:
    """A running server: data folder, process and client environment."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.start()

    def start(self) -> None:
        self.data.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "azureml_local", "serve", "--data", self.data]
        with (self.data / "serve.log").open("ab") as log:
            self.process = child_processes.spawn(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 180
        while not (self.data / "server.json").is_file() or self.state()["pid"] != self.process.pid:
            assert self.process.poll() is None, (self.data / "serve.log").read_text()
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.02)

    def state(self) -> dict:
        return json.loads((self.data / "server.json").read_text())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        child_processes.end_group(self.process, grace=10)


@pytest.fixture(scope="session")
def local(tmp_path_factory) -> Iterator[Local]:
    server = Local(tmp_path_factory.mktemp("local") / "data")
    # The SDK reads the cloud metadata at import, so it must not be imported earlier.
    assert "azure.ai.ml" not in sys.modules
    os.environ.update(server.state()["env"])
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sdk_python(tmp_path_factory) -> Iterator[list[str | Path]]:
    """The command before a script that uses the SDK, in any workspace.

    Where forks are safe, one process imports the SDK for all scripts.
    """
    preloaded = preload.start(
        run_with_sdk.MODULES,
        env={**os.environ, **run_with_sdk.ENVIRONMENT},
        log=tmp_path_factory.mktemp("sdk") / "preloaded.log",
    )
    if preloaded is None:
        yield [sys.executable, "-W", "ignore"]
        return
    yield [sys.executable, run_with_sdk.__file__, preloaded.address]
    preloaded.stop()


@pytest.fixture(autouse=True)
def _forget_deployment() -> Iterator[None]:
    """The SDK sends the deployment of one call with all later calls of its process."""
    yield
    if "azure.ai.ml" in sys.modules:
        from azure.ai.ml.constants._endpoint import EndpointInvokeFields

        EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)


@pytest.fixture(scope="session")
def client(local):
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    def make(workspace: str = "dev"):
        return MLClient(DefaultAzureCredential(), SUBSCRIPTION, "local", workspace)

    return make
