"""The MLflow servers: one process for each workspace, started on first use.

They are forks of a process that has imported MLflow, and share its memory.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path

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
            del self._processes[workspace.key]
            self._clients.pop(workspace.key, None)
        if workspace.key not in self._clients:
            self._clients[workspace.key] = asyncio.create_task(self._start(workspace))

    async def client(self, workspace: Workspace) -> httpx.AsyncClient:
        """A client of the workspace's server, which is ready."""
        self.start_server(workspace)
        try:
            return await asyncio.shield(self._clients[workspace.key])
        except AzureError:
            self._clients.pop(workspace.key, None)  # the next call tries again
            raise

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
        await asyncio.gather(*(each.end(1.0) for each in self._processes.values()))

    async def stop_server(self, workspace: Workspace) -> None:
        """Stop the server of a workspace that is deleted."""
        task = self._clients.pop(workspace.key, None)
        if task is not None:
            task.cancel()
        process = self._processes.pop(workspace.key, None)
        if process is not None:
            await process.end(1.0)

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
        for _ in range(int(START_SECONDS / 0.02)):
            if not process.alive:
                raise AzureError(f"the MLflow server failed to start; see {log}", "MlflowFailed")
            try:
                if (await client.get("/health")).status_code == 200:
                    return client
            except httpx.TransportError:
                await asyncio.sleep(0.02)
        raise AzureError(f"the MLflow server is not ready; see {log}", "MlflowFailed")
