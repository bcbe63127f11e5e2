"""One worker process of a deployment, as the server uses it: start, send requests, end."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_local.files import read_end
from azureml_local.forked_workers import ForkedWorkers, RunningProcess
from azureml_local.scoring.frames import (
    FrameReader,
    ScoringRequest,
    ScoringResponse,
    pack_request,
)

EXCEPTION = re.compile(
    r"^(?!azureml_inference_server_http)[\w.]*(?:Error|Exception|Exit)(?:: .*)?$", re.MULTILINE
)
"""The last line of a traceback, but not of an exception of Microsoft's server."""


@dataclass(frozen=True)
class LaunchSettings:
    """How to start a worker process of a deployment.

    Attributes:
        spec: the model or script; see :mod:`azureml_local.online.scorer`.
        folder: its working directory.
        log: the deployment's log file.
        environment: the deployment's environment variables.
        forkable: whether a fork of the preloaded process can serve it: no environment variables
            of its own, which modules may read when they are imported.
        python: the interpreter of its environment; empty: the server's own.
    """

    spec: dict[str, str]
    folder: Path
    log: Path
    environment: dict[str, str]
    forkable: bool = False
    python: str = ""

    def write_log(self, line: str) -> None:
        """Append a line to the deployment's log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"azureml-local: {line}\n")

    def crash_message(self) -> str:
        """The error message for a process that ended: the last line of its log.

        Microsoft's server logs more after the exception of a script: there it is the exception.
        """
        text = read_end(self.log)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        exceptions = EXCEPTION.findall(text) if "server" in self.spec else []
        last = (exceptions or lines or ["its log is empty"])[-1]
        return f"the deployment's process ended: {last}"


class Worker(asyncio.Protocol):
    """One worker process and the socket to it.

    Attributes:
        alive: whether its socket is open.
        busy: whether it is starting or has not answered its last request yet.
        ready: set when the process has loaded the model or the script.
        ended: set when the process has closed its socket.
    """

    def __init__(self, process: RunningProcess, on_idle: Callable[[Worker], None]) -> None:
        """Connect a process to its pool.

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
        self._reader = FrameReader()
        self._pending: asyncio.Future[ScoringResponse] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport, which requests are written to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read a frame: the first one means that the process is ready, later ones are responses."""
        frame = self._reader.feed(data)
        if frame is None:
            return
        if self.ready.is_set():
            (status, headers, collected), body = frame
            if self._pending is not None and not self._pending.done():
                self._pending.set_result(ScoringResponse(body, status, headers, collected))
        self.ready.set()
        self.busy = False
        self._on_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Mark the worker as ended, and fail its request."""
        self.alive = False
        self.ended.set()
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(ConnectionError("the process ended"))

    async def send(self, request: ScoringRequest, seconds: float) -> ScoringResponse:
        """Send a request and wait for its response; the worker is idle again after a late one.

        Raises:
            TimeoutError: no response after ``seconds``.
            ConnectionError: the process ended.
        """
        if self._transport is None or not self.alive:
            raise ConnectionError("the process ended")
        self.busy = True
        self._pending = asyncio.get_running_loop().create_future()
        self._transport.write(pack_request(request))
        async with asyncio.timeout(seconds):
            return await self._pending

    async def end(self, grace: float = 1.0) -> None:
        """End the process."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()
        await self.process.end(grace)


async def start_worker(
    launch: LaunchSettings, processes: ForkedWorkers, on_idle: Callable[[Worker], None]
) -> Worker:
    """Start a worker process; ``on_idle`` is called when it is ready, maybe before this returns."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        with theirs:
            process = await processes.spawn(
                ["azureml_local.online.scorer", json.dumps(launch.spec)],
                env=launch.environment,
                folder=launch.folder,
                log=launch.log,
                stdin=theirs,
                fork=launch.forkable,
                imports="all" if "script" in launch.spec else "some",
                python=launch.python,
            )
    except BaseException:
        ours.close()
        raise
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_unix_connection(lambda: Worker(process, on_idle), sock=ours)
    return worker
