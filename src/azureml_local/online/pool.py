"""The processes of one deployment: each answers one request at a time, the others wait their turn.

A process that ends by itself is started again, as Azure restarts a container, slower each time that
it does not live long. One that is still busy with a request whose time was up takes the next one
only when it is done with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tether
from azureml_local.errors import AzureError, BadGateway, TimedOut, TooMany, Unavailable
from azureml_local.online.limits import Limits
from azureml_local.scoring.frames import Answer, Asked, Buffer, pack_asked

START_SECONDS = 300.0
POLL_SECONDS = 0.02
SHORT_LIFE = 30.0
"""Seconds; a process that ends sooner is started again only after a while."""
LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Launch:
    """How a process of a deployment is started.

    Attributes:
        spec: what the scorer serves; see :mod:`azureml_local.online.scorer`.
        folder: where it runs.
        log: where it writes.
        environment: variables of its own.
    """

    spec: dict[str, str]
    folder: Path
    log: Path
    environment: dict[str, str]

    def say(self, line: str) -> None:
        """Write a line to the deployment's log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"azureml-local: {line}\n")

    def last_line(self) -> str:
        """What its process said last."""
        lines = self.log.read_text(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return f"the deployment's process ended: {said[-1] if said else 'without a word'}"


class Worker(asyncio.Protocol):
    """One process and the socket to it."""

    def __init__(self, process: subprocess.Popen[bytes], on_idle: Callable[[Worker], None]) -> None:
        self.process = process
        self.alive = True
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._on_idle = on_idle
        self._buffer = Buffer()
        self._pending: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """The first frame says that the process is ready, each further one is an answer."""
        found = self._buffer.feed(data)
        if found is None:
            return
        if self.ready.is_set():
            (status, headers, collected), body = found
            if self._pending is not None and not self._pending.done():
                self._pending.set_result(Answer(body, status, headers, collected))
        self.ready.set()
        self._on_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended, or is being ended."""
        self.alive = False
        self.ended.set()
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(ConnectionError("the process ended"))

    async def ask(self, asked: Asked, seconds: float) -> Answer:
        """One request; the worker is idle again when its answer has come, in time or late.

        Raises:
            TimeoutError: it did not come in time.
            ConnectionError: the process ended.
        """
        if self._transport is None or not self.alive:
            raise ConnectionError("the process ended")
        self._pending = asyncio.get_running_loop().create_future()
        self._transport.write(pack_asked(asked))
        async with asyncio.timeout(seconds):
            return await self._pending

    async def end(self, grace: float = 1.0) -> None:
        """End the process."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()
        await asyncio.to_thread(tether.end_group, self.process, grace)


class Pool:
    """The processes of one deployment."""

    def __init__(self, launch: Launch, limits: Limits, turns: asyncio.Semaphore) -> None:
        """Make a pool; nothing is started yet.

        Args:
            launch: how a process is started.
            limits: how much the deployment takes on.
            turns: what keeps too many processes from being started at once.
        """
        self.limits = limits
        self._launch = launch
        self._turns = turns
        self._workers: set[Worker] = set()
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._keepers: list[asyncio.Task[None]] = []
        self._inside = 0
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether there is a process that answers."""
        return any(worker.alive for worker in self._workers)

    async def start(self) -> None:
        """Start the processes; returns when the first is ready.

        Raises:
            AzureError: it ended, or was not ready in time.
        """
        first = await self._started()
        self._keep(first)
        for _ in range(self.limits.processes - 1):
            self._keep(None)

    async def ask(self, asked: Asked) -> Answer:
        """One request, within the deployment's limits.

        Raises:
            TooMany: there are more requests than the deployment takes on.
            TimedOut: its time was up.
            Unavailable: no process runs.
            BadGateway: the process ended over it.
        """
        if self._inside >= self.limits.most:
            raise TooMany(f"the deployment takes on {self.limits.most} requests at once")
        self._inside += 1
        try:
            return await self._ask(asked)
        finally:
            self._inside -= 1

    async def _ask(self, asked: Asked) -> Answer:
        deadline = time.monotonic() + self.limits.seconds
        worker = await self._turn(deadline)
        try:
            return await worker.ask(asked, max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise TimedOut(
                f"the deployment did not answer within {self.limits.seconds:g} s"
            ) from None
        except ConnectionError:
            raise BadGateway("the deployment's process ended while it answered") from None

    async def _turn(self, deadline: float) -> Worker:
        """A worker that has nothing to do."""
        wait = deadline - time.monotonic()
        queue = self.limits.queue_seconds
        try:
            async with asyncio.timeout(wait if queue is None else min(wait, queue)):
                while True:
                    if not self.alive:
                        raise Unavailable("no process of the deployment runs; see its log")
                    worker = await self._idle.get()
                    if worker.alive:
                        return worker
        except TimeoutError:
            if queue is not None and queue < wait:
                raise TooMany(
                    f"the request waited longer than max_queue_wait, {queue:g} s"
                ) from None
            raise TimedOut(
                f"the deployment did not answer within {self.limits.seconds:g} s"
            ) from None

    async def close(self, grace: float) -> None:
        """End the processes, when what they are asked is answered or ``grace`` seconds are over."""
        self._closed = True
        deadline = time.monotonic() + grace
        while self._inside and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._workers.clear()

    def _keep(self, worker: Worker | None) -> None:
        self._keepers.append(asyncio.create_task(self._kept(worker)))

    async def _kept(self, worker: Worker | None) -> None:
        """Keep one process running."""
        pause = 0.0
        while not self._closed:
            begun = time.monotonic()
            with contextlib.suppress(AzureError):  # its log says why, and it is tried again
                worker = worker or await self._started()
                await worker.ended.wait()
            if worker is not None:
                self._workers.discard(worker)
                code = await asyncio.to_thread(_ended, worker.process)
                self._launch.say(f"the process ended with exit code {code} and is started again")
            lived = time.monotonic() - begun
            pause = 0.0 if lived > SHORT_LIFE else min(LONGEST_PAUSE, pause * 2 or 0.5)
            worker = None
            await asyncio.sleep(pause)

    async def _started(self) -> Worker:
        async with self._turns:
            worker = await self._spawn()
            try:
                async with asyncio.timeout(START_SECONDS):
                    await _first(worker.ready, worker.ended)
            except TimeoutError:
                await worker.end()
                raise AzureError(
                    "the deployment was not ready in time", "DeploymentTimedOut"
                ) from None
            except asyncio.CancelledError:
                await worker.end()
                raise
        if not worker.ready.is_set():
            await asyncio.to_thread(_ended, worker.process)
            raise AzureError(self._launch.last_line(), "ContainerCrashed")
        self._workers.add(worker)
        return worker

    async def _spawn(self) -> Worker:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = [sys.executable, "-u", "-m", "azureml_local.online.scorer", str(theirs.fileno())]
        with self._launch.log.open("ab") as log, theirs:
            process = tether.spawn(
                [*command, json.dumps(self._launch.spec)],
                cwd=self._launch.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._launch.environment},
                pass_fds=(theirs.fileno(),),
            )
        loop = asyncio.get_running_loop()
        _, worker = await loop.create_unix_connection(
            lambda: Worker(process, self._idle.put_nowait), sock=ours
        )
        return worker


async def _first(*events: asyncio.Event) -> None:
    """Wait for whichever is set first."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that has closed its socket, and so is at its end."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
    return tether.end_group(process, 1.0)
