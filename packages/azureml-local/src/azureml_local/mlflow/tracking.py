"""The MLflow servers: one light process a workspace, started when it is first needed.

They are copies of one process that has imported MLflow, and share its memory.
"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from pathlib import Path

import httpx

from azureml_local.errors import AzureError
from azureml_local.forked_workers import ForkedWorkers, RunningProcess
from azureml_local.mlflow import app
from azureml_local.state import ARTIFACTS, State, Workspace

START_SECONDS = 180.0  # importing MLflow alone takes long where many things start at once


class Tracking:
    """The MLflow servers of all workspaces, each started when it is first needed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._started: dict[str, asyncio.Task[httpx.AsyncClient]] = {}
        self._processes: dict[str, RunningProcess] = {}
        # Of this version of MLflow: the next one's tables may be others.
        self._empty = state.data / "mlflow" / f"empty-{version('mlflow')}.db"
        log = state.data / "mlflow" / "server.log"
        self._worker_processes = ForkedWorkers(
            ["mlflow.server"], env=os.environ | app.ENVIRONMENT, log=log
        )

    def start_server(self, workspace: Workspace) -> None:
        """Start the workspace's server in the background."""
        process = self._processes.get(workspace.key)
        if process is not None and not process.alive:  # by whom ever; it is needed again
            del self._processes[workspace.key]
            self._started.pop(workspace.key, None)
        if workspace.key not in self._started:
            self._started[workspace.key] = asyncio.create_task(self._start(workspace))

    async def client(self, workspace: Workspace) -> httpx.AsyncClient:
        """A client of the workspace's server, which answers by then."""
        self.start_server(workspace)
        try:
            return await asyncio.shield(self._started[workspace.key])
        except AzureError:
            self._started.pop(workspace.key, None)  # the next call tries again
            raise

    async def create_job_run(
        self, workspace: Workspace, run: str, experiment: str, name: str, parent: str | None = None
    ) -> None:
        """Make the MLflow run of a job; ``parent`` is the run that it is nested in."""
        client = await self.client(workspace)
        tags = {"mlflow.parentRunId": parent} if parent else {}
        body = {"experiment": experiment, "name": name, "user": "azureml-local", "tags": tags}
        (await client.post(f"/azureml-local/runs/{run}", json=body)).raise_for_status()

    async def end_job_run(self, workspace: Workspace, run: str, status: str) -> None:
        """End the MLflow run of a job, where its own code did not."""
        client = await self.client(workspace)
        answer = await client.post(f"/azureml-local/runs/{run}/close", json={"status": status})
        answer.raise_for_status()

    async def stop(self) -> None:
        """End all servers."""
        await asyncio.gather(*(each.end(1.0) for each in self._processes.values()))
        self._worker_processes.stop()

    async def end(self, workspace: Workspace) -> None:
        """End one workspace's server, because the workspace is deleted."""
        task = self._started.pop(workspace.key, None)
        if task is not None:
            task.cancel()
        process = self._processes.pop(workspace.key, None)
        if process is not None:
            await process.end(1.0)

    async def _start(self, workspace: Workspace) -> httpx.AsyncClient:
        folder = self._state.data / "mlflow" / workspace.key
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's path may have 107 characters at most, so it lies in a folder of its own.
        socket = Path(self._state.sockets) / f"mlflow-{workspace.key}"
        artifacts = self._state.container(workspace, ARTIFACTS)
        artifacts.mkdir(parents=True, exist_ok=True)
        log = folder / "server.log"
        log.write_bytes(b"")
        socket.unlink(missing_ok=True)
        places = [folder / "mlflow.db", self._empty, artifacts, socket]
        process = await self._worker_processes.spawn(
            ["azureml_local.mlflow.app", *map(str, places)], env={}, folder=folder, log=log
        )
        self._processes[workspace.key] = process
        client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://mlflow",
            timeout=60,
        )
        for _ in range(int(START_SECONDS / 0.02)):
            if not process.alive:
                raise AzureError(f"the MLflow server ended at its start; see {log}", "MlflowFailed")
            try:
                if (await client.get("/health")).status_code == 200:
                    return client
            except httpx.TransportError:
                await asyncio.sleep(0.02)
        raise AzureError(f"the MLflow server is not ready; see {log}", "MlflowFailed")
