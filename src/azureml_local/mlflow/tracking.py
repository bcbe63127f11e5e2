"""The front door to the MLflow servers: starts them, hands requests on, refuses what Azure refuses.

Azure ML's tracking server has no ``/logged-models``, so MLflow 3's ``log_model`` gets 404 there; it
gets it here too, or a rehearsal would be kinder than the release.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

import tether
from azureml_local import auth
from azureml_local.errors import AzureError, NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import ARTIFACTS, State, Workspace

START_SECONDS = 180.0  # importing MLflow alone takes long where many things start at once
HOP_BY_HOP = frozenset({"connection", "host", "transfer-encoding", "authorization", "keep-alive"})
NO_LOGGED_MODELS = (
    "Azure ML's tracking server has no logged models, so log_model of MLflow 3 fails; "
    "use mlflow.<flavor>.save_model(path) and mlflow.log_artifacts(path, artifact_path=...)"
)


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


def register(routes: Routes, state: State, tracking: Tracking) -> None:
    """Add the operations of this module."""

    # azureml-mlflow turns the workspace's v1.0 into v2.0 for today's MLflow.
    @routes.add(
        "GET|POST|PUT|PATCH|DELETE", f"/mlflow/{{api}}{WORKSPACE}{{path:path}}", "MLflow tracking"
    )
    async def forward(request: Request) -> Response:
        auth.require_token(state.secret, request)
        path = request.path_params["path"]
        if "/mlflow/logged-models" in path:
            raise NotFound(NO_LOGGED_MODELS, "NotFound")
        client = await tracking.client(state.workspace(request))
        headers: list[tuple[str, str]] = [
            (name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP
        ]
        outgoing = client.build_request(
            request.method,
            path + (f"?{request.url.query}" if request.url.query else ""),
            headers=headers,
            content=_body(request),
        )
        answer = await client.send(outgoing, stream=True)
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
        )


def _body(request: Request) -> Any:
    """The body as a stream; none at all where the request has none."""
    headers = request.headers
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return None if empty else request.stream()
