"""One process of a deployment as the server sees it: how it is started, asked and ended."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_local.nursery import Nursery, Running
from azureml_local.scoring.frames import Answer, Asked, Buffer, pack_asked


@dataclass(frozen=True)
class Launch:
    """How a process of a deployment is started.

    Attributes:
        spec: what the scorer serves; see :mod:`azureml_local.online.scorer`.
        folder: where it runs.
        log: where it writes.
        environment: variables of its own.
        plain: whether a process will do that was started without knowing any of this:
            a copy of one that has imported what most models need.
    """

    spec: dict[str, str]
    folder: Path
    log: Path
    environment: dict[str, str]
    plain: bool = False

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
    """One process and the socket to it.

    Attributes:
        alive: whether the process runs, as far as its socket tells.
        busy: whether it works: it is not ready yet, or has not answered its last request.
        ready: set when the process has loaded the model or the script.
        ended: set when the process has closed its socket.
    """

    def __init__(self, process: Running, on_idle: Callable[[Worker], None]) -> None:
        """Make a worker of a process.

        Args:
            process: the process at the other end of the socket.
            on_idle: called each time that the process can take a request. Fixed before the socket
                is read, because the process may be ready before its caller runs again.
        """
        self.process = process
        self.alive = True
        self.busy = True
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
        self.busy = False
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
        self.busy = True
        self._pending = asyncio.get_running_loop().create_future()
        self._transport.write(pack_asked(asked))
        async with asyncio.timeout(seconds):
            return await self._pending

    async def end(self, grace: float = 1.0) -> None:
        """End the process."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()
        await self.process.end(grace)


async def spawn(launch: Launch, nursery: Nursery, on_idle: Callable[[Worker], None]) -> Worker:
    """Start a process of a deployment; ``on_idle`` is called when it is ready, maybe at once."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        process = await nursery.spawn(
            ["azureml_local.online.scorer", json.dumps(launch.spec)],
            env=launch.environment,
            folder=launch.folder,
            log=launch.log,
            stdin=theirs,
            copy=launch.plain,
        )
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_unix_connection(lambda: Worker(process, on_idle), sock=ours)
    return worker
