"""The processes behind online deployments: started, watched, found again after a restart."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx

import tether
from azureml_local.errors import AzureError
from azureml_local.state import State

START_SECONDS = 120.0
POLL_SECONDS = 0.05


@dataclass
class Scorer:
    """One running deployment."""

    process: subprocess.Popen[bytes]
    client: httpx.AsyncClient

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self.process.poll() is None


class Serving:
    """The scorers of the server, by deployment."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._scorers: dict[str, Scorer] = {}
        self._starting: dict[str, asyncio.Event] = {}
        # Imports take most of a start: more of them than cores only make all of them late.
        self._turns = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    def log_file(self, folder: Path) -> Path:
        """Where a deployment's process writes."""
        return folder.with_name("scorer.log")

    async def start(self, key: str, folder: Path, environment: dict[str, str]) -> None:
        """Start a deployment's process, and let it take over once it answers.

        Args:
            key: names the deployment.
            folder: its copy of the model.
            environment: variables of the deployment.

        Raises:
            AzureError: the process ended, or did not answer in time; its last line says why.
        """
        started = self._starting[key] = asyncio.Event()
        try:
            async with self._turns:
                await self._start(key, folder, environment)
        finally:
            started.set()
            if self._starting.get(key) is started:
                del self._starting[key]

    async def _start(self, key: str, folder: Path, environment: dict[str, str]) -> None:
        socket = self._state.sockets / uuid.uuid4().hex
        log = self.log_file(folder)
        with log.open("ab") as file:
            process = tether.spawn(
                [sys.executable, "-m", "azureml_local.online.scorer", str(folder), str(socket)],
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=tether.environment(None) | {"AZUREML_MODEL_DIR": str(folder)} | environment,
            )
        client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://scorer",
            timeout=60,
        )
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            if process.poll() is not None:
                raise AzureError(_last_line(log), "ContainerCrashed")
            try:
                await client.get("/")
                break
            except httpx.TransportError:
                await asyncio.sleep(POLL_SECONDS)
        else:
            await asyncio.to_thread(tether.end_group, process)
            raise AzureError("the deployment did not answer in time", "DeploymentTimedOut")
        await self.stop(key)
        self._scorers[key] = Scorer(process, client)

    def get(self, key: str) -> Scorer | None:
        """A deployment's scorer; None where it does not run."""
        found = self._scorers.get(key)
        return found if found is not None and found.alive else None

    async def ready(self, key: str) -> Scorer | None:
        """The same, but one that is just being started is waited for."""
        found = self.get(key)
        starting = self._starting.get(key)
        if found is None and starting is not None:
            await starting.wait()
            found = self.get(key)
        return found

    async def stop(self, key: str) -> None:
        """End a deployment's process; nothing where it does not run."""
        found = self._scorers.pop(key, None)
        if found is not None:
            await found.client.aclose()
            await asyncio.to_thread(tether.end_group, found.process, 1.0)

    async def stop_all(self) -> None:
        """End all processes."""
        for key in list(self._scorers):
            await self.stop(key)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"the deployment's process ended: {lines[-1] if lines else 'without a word'}"
