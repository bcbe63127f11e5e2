"""The MLflow servers: a failed start is tried again, and no process and no client is left."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import httpx
import pytest

from azureml_local.errors import AzureError
from azureml_local.mlflow import tracking
from azureml_local.mlflow.tracking import Tracking
from azureml_local.state import State, Workspace


class FakeProcess:
    """Stands for an MLflow server that runs until it is ended."""

    def __init__(self) -> None:
        self.alive = True

    async def end(self, grace: float) -> int:
        self.alive = False
        return 0


class FakeWorkers:
    """Starts processes, except for the first calls, whose errors are given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.processes: list[FakeProcess] = []

    async def spawn(self, command, **options) -> FakeProcess:
        if self.errors:
            raise self.errors.pop(0)
        self.processes.append(FakeProcess())
        return self.processes[-1]


Use = Callable[[Tracking, Workspace], Awaitable[None]]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Call a function with the MLflow servers; ``answers`` says whether they answer."""
    clients: list[httpx.AsyncClient] = []

    def run_with(workers: FakeWorkers, use: Use, *, answers: bool = True) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200 if answers else 503)

        monkeypatch.setattr(
            httpx, "AsyncHTTPTransport", lambda **options: httpx.MockTransport(answer)
        )
        make_client = httpx.AsyncClient

        class Client(make_client):
            def __init__(self, **options) -> None:
                super().__init__(**options)
                clients.append(self)

        monkeypatch.setattr(httpx, "AsyncClient", Client)
        state = State(tmp_path, "https://localhost:1")
        workspace = state.create_workspace("s", "g", "w", {})
        servers = Tracking(state, workers)

        async def main() -> None:
            await use(servers, workspace)
            await servers.stop()
            await asyncio.gather(*state.tasks)

        asyncio.run(main())
        state.store.close()
        assert not any(process.alive for process in workers.processes)
        assert all(client.is_closed for client in clients)

    return run_with


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_a_start_that_failed_is_tried_again(run, number):
    workers = FakeWorkers(OSError(number, "no"), OSError(number, "no"))

    async def use(servers: Tracking, workspace: Workspace) -> None:
        servers.start_server(workspace)  # in the background: no client sees its error
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="no"):
            await servers.client(workspace)
        client = await servers.client(workspace)
        assert await servers.client(workspace) is client
        await servers.stop_server(workspace)
        assert client.is_closed
        assert not workers.processes[0].alive

    run(workers, use)
    assert len(workers.processes) == 1


def test_a_server_that_does_not_answer_is_ended(run, monkeypatch):
    monkeypatch.setattr(tracking, "START_SECONDS", 0.05)

    async def use(servers: Tracking, workspace: Workspace) -> None:
        with pytest.raises(AzureError) as error:
            await servers.client(workspace)
        assert error.value.code == "MlflowFailed"
        assert [process.alive for process in workers.processes] == [False]

    workers = FakeWorkers()
    run(workers, use, answers=False)


def test_a_server_that_starts_is_stopped(run):
    async def use(servers: Tracking, workspace: Workspace) -> None:
        servers.start_server(workspace)
        while not workers.processes:
            await asyncio.sleep(0)

    workers = FakeWorkers()
    run(workers, use, answers=False)


def test_a_killed_server_is_replaced_and_its_client_closed(run):
    workers = FakeWorkers()

    async def use(servers: Tracking, workspace: Workspace) -> None:
        client = await servers.client(workspace)
        workers.processes[0].alive = False
        assert await servers.client(workspace) is not client

    run(workers, use)
    assert len(workers.processes) == 2
