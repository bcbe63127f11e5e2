"""The MLflow servers: one light process a workspace, started when it is first needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx

import tether
from azureml_local.errors import AzureError
from azureml_local.state import ARTIFACTS, State, Workspace

START_SECONDS = 180.0  # importing MLflow alone takes long where many things start at once


class Tracking:
    """The MLflow servers of all workspaces, each started when it is first needed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._started: dict[str, asyncio.Task[httpx.AsyncClient]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def warm(self, workspace: Workspace) -> None:
        """Start the workspace's server in the background."""
        if workspace.key not in self._started:
            self._started[workspace.key] = asyncio.create_task(self._start(workspace))

    async def client(self, workspace: Workspace) -> httpx.AsyncClient:
        """A client of the workspace's server, which answers by then."""
        self.warm(workspace)
        try:
            return await asyncio.shield(self._started[workspace.key])
        except AzureError:
            del self._started[workspace.key]  # the next call tries again
            raise

    async def adopt(
        self, workspace: Workspace, run: str, experiment: str, name: str, parent: str | None = None
    ) -> None:
        """Make the MLflow run of a job; ``parent`` is the run that it is nested in."""
        client = await self.client(workspace)
        tags = {"mlflow.parentRunId": parent} if parent else {}
        body = {"experiment": experiment, "name": name, "user": "azureml-local", "tags": tags}
        (await client.post(f"/azureml-local/runs/{run}", json=body)).raise_for_status()

    async def close(self, workspace: Workspace, run: str, status: str) -> None:
        """End the MLflow run of a job, where its own code did not."""
        client = await self.client(workspace)
        answer = await client.post(f"/azureml-local/runs/{run}/close", json={"status": status})
        answer.raise_for_status()

    async def stop(self) -> None:
        """End all servers."""
        for process in self._processes.values():
            await asyncio.to_thread(tether.end_group, process, 1.0)

    async def end(self, workspace: Workspace) -> None:
        """End one workspace's server, because the workspace is deleted."""
        task = self._started.pop(workspace.key, None)
        if task is not None:
            task.cancel()
        process = self._processes.pop(workspace.key, None)
        if process is not None:
            await asyncio.to_thread(tether.end_group, process, 1.0)

    async def _start(self, workspace: Workspace) -> httpx.AsyncClient:
        folder = self._state.data / "mlflow" / workspace.key
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's path may have 107 characters at most, so it lies in a folder of its own.
        socket = Path(self._state.sockets) / f"mlflow-{workspace.key}"
        artifacts = self._state.container(workspace, ARTIFACTS)
        artifacts.mkdir(parents=True, exist_ok=True)
        log, database = folder / "server.log", str(folder / "mlflow.db")
        with log.open("wb") as file:
            process = tether.spawn(
                [
                    sys.executable,
                    "-m",
                    "azureml_local.mlflow.app",
                    database,
                    str(artifacts),
                    str(socket),
                ],
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
            )
        self._processes[workspace.key] = process
        client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://mlflow",
            timeout=60,
        )
        for _ in range(int(START_SECONDS / 0.05)):
            if process.poll() is not None:
                raise AzureError(f"the MLflow server ended at its start; see {log}", "MlflowFailed")
            try:
                if (await client.get("/health")).status_code == 200:
                    return client
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        raise AzureError(f"the MLflow server is not ready; see {log}", "MlflowFailed")
