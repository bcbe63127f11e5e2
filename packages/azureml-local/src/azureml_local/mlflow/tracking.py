"""The MLflow servers: one process for each workspace, started on first use.

They are forks of a process that has imported MLflow, and share its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from azureml_local.errors import AzureError
from azureml_local.files import cache_folder
from azureml_local.forked_workers import ForkedWorkers, RunningProcess
from azureml_local.mlflow import app
from azureml_local.state import ARTIFACTS, State, Workspace

START_SECONDS = 180.0  # the import of MLflow is slow when many processes start


class Tracking:
    """The MLflow servers of all workspaces."""

    def __init__(self, state: State, workers: ForkedWorkers) -> None:
        self._state = state
        self._workers = workers
        self.data = state.data
        self._clients: dict[str, asyncio.Task[httpx.AsyncClient]] = {}
        self._processes: dict[str, RunningProcess] = {}
        # For this version of MLflow: other versions may have other tables.
        caches = cache_folder() or state.data / "mlflow"
        self._empty_database = caches / f"mlflow-{version('mlflow')}.db"

    def start_server(self, workspace: Workspace) -> None:
        """Start the workspace's server in the background."""
        process = self._processes.get(workspace.key)
        if process is not None and not process.alive:  # it was killed, and is needed again
            self._state.background(self._stop(workspace.key))
        if workspace.key not in self._clients:
            self._clients[workspace.key] = asyncio.create_task(self._start(workspace))

    async def client(self, workspace: Workspace) -> httpx.AsyncClient:
        """A client of the workspace's server, which is ready."""
        start = self._clients.get(workspace.key)
        if start is not None and start.done() and (start.cancelled() or start.exception()):
            del self._clients[workspace.key]  # try again: it may have been a full disk
        self.start_server(workspace)
        return await asyncio.shield(self._clients[workspace.key])

    async def create_job_run(
        self, workspace: Workspace, run: str, experiment: str, name: str, parent: str | None = None
    ) -> None:
        """Create the MLflow run of a job, nested in the run ``parent`` if there is one."""
        client = await self.client(workspace)
        tags = {"mlflow.parentRunId": parent} if parent else {}
        body = {"experiment": experiment, "name": name, "user": "azureml-local", "tags": tags}
        (await client.post(f"/azureml-local/runs/{run}", json=body)).raise_for_status()

    async def end_job_run(self, workspace: Workspace, run: str, status: str) -> None:
        """End the MLflow run of a job, unless the job has ended it."""
        client = await self.client(workspace)
        response = await client.post(f"/azureml-local/runs/{run}/close", json={"status": status})
        response.raise_for_status()

    async def stop(self) -> None:
        """Stop all servers."""
        await asyncio.gather(*(self._stop(key) for key in {*self._clients, *self._processes}))

    async def stop_server(self, workspace: Workspace) -> None:
        """Stop the server of a workspace that is deleted."""
        await self._stop(workspace.key)

    def _stop(self, key: str) -> Coroutine[Any, Any, None]:
        """Forget a workspace's server now; the result ends its process and closes its client."""
        start, process = self._clients.pop(key, None), self._processes.pop(key, None)

        async def end() -> None:
            if start is not None:
                start.cancel()
                [client] = await asyncio.gather(start, return_exceptions=True)
                if isinstance(client, httpx.AsyncClient):
                    await client.aclose()
            if process is not None and process.alive:
                await process.end(1.0)

        return end()

    async def _start(self, workspace: Workspace) -> httpx.AsyncClient:
        folder = self._state.data / "mlflow" / workspace.key
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's path can have at most 107 characters, so it is in a separate folder.
        socket = Path(self._state.sockets) / f"mlflow-{workspace.key}"
        artifacts = workspace.container(ARTIFACTS)
        artifacts.mkdir(parents=True, exist_ok=True)
        log = folder / "server.log"
        log.write_bytes(b"")
        socket.unlink(missing_ok=True)
        arguments = [folder / "mlflow.db", self._empty_database, artifacts, socket]
        process = await self._workers.spawn(
            ["azureml_local.mlflow.app", *map(str, arguments)],
            env=app.ENVIRONMENT,
            folder=folder,
            log=log,
            imports="first",
        )
        self._processes[workspace.key] = process
        client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://mlflow",
            timeout=60,
        )
        try:
            await _wait_until_ready(process, client, log)
        except BaseException:
            if self._processes.get(workspace.key) is process:
                del self._processes[workspace.key]
            await client.aclose()
            await process.end(1.0)
            raise
        return client


async def _wait_until_ready(process: RunningProcess, client: httpx.AsyncClient, log: Path) -> None:
    """Wait until an MLflow server answers.

    Raises:
        AzureError: it ended, or does not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not process.alive:
            raise AzureError(f"the MLflow server failed to start; see {log}", "MlflowFailed")
        with contextlib.suppress(httpx.TransportError):
            if (await client.get("/health")).status_code == 200:
                return
        await asyncio.sleep(0.02)
    raise AzureError(f"the MLflow server is not ready; see {log}", "MlflowFailed")
