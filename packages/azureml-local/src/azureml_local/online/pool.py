"""The worker processes of one deployment: each serves one request at a time, further ones queue.

A process that ends is restarted, as Azure restarts a container, with growing pauses while its
processes are short-lived. A process that is still busy with a request that has timed out takes the
next one when it has finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from azureml_local.errors import AzureError, BadGateway, TimedOut, TooMany, Unavailable
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.online.limits import Limits
from azureml_local.online.worker import LaunchSettings, Worker, start_worker
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse

logger = logging.getLogger(__name__)
LIVENESS = ScoringRequest(b"", "GET", "/")
"""The liveness request of Azure's inference server: a worker answers it without the user's code."""
POLL_SECONDS = 0.02
CHECK_SECONDS = 1.0
"""How long a request waits for a worker before it looks for idle workers outside the queue."""
SHORT_LIFE_SECONDS = 30.0
"""A process that ends sooner is restarted only after a pause."""
MAX_PAUSE_SECONDS = 30.0


class Pool:
    """The worker processes of one deployment."""

    def __init__(
        self,
        launch: LaunchSettings,
        limits: Limits,
        start_slots: asyncio.Semaphore,
        processes: ForkedWorkers,
    ) -> None:
        """Make a pool; no process is started yet.

        Args:
            launch: how to start a process.
            limits: the deployment's limits.
            start_slots: limits how many processes start at the same time.
            processes: starts the processes.
        """
        self.limits = limits
        self._launch = launch
        self._start_slots = start_slots
        self._processes = processes
        self._workers: set[Worker] = set()
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._restart_loops: list[asyncio.Task[None]] = []
        self._requests = 0
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether a process runs that can serve requests."""
        return any(worker.alive for worker in self._workers)

    async def start(self) -> None:
        """Start the processes; returns when the first has answered the liveness request.

        Raises:
            AzureError: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + self.limits.ready_seconds
        first = await self._start_worker()
        try:
            await self._probe(deadline)
        except BaseException:
            self._workers.discard(first)
            await first.end()
            raise
        self._supervise(first)
        for _ in range(self.limits.processes - 1):
            self._supervise(None)

    async def send(self, request: ScoringRequest) -> ScoringResponse:
        """Serve a request within the deployment's limits.

        Raises:
            TooMany: the deployment has more requests than its limit.
            TimedOut: no response within the request timeout.
            Unavailable: no process runs.
            BadGateway: the process ended during the request.
        """
        if self._requests >= self.limits.max_requests:
            raise TooMany(f"the deployment accepts {self.limits.max_requests} concurrent requests")
        self._requests += 1
        try:
            return await self._send(request, time.monotonic() + self.limits.timeout_seconds)
        finally:
            self._requests -= 1

    async def _probe(self, deadline: float) -> None:
        """Send the liveness request through the queue, as callers' requests are sent.

        Raises:
            AzureError: the deployment does not answer it, although its process is ready.
        """
        try:
            response = await self._send(LIVENESS, deadline)
        except AzureError as error:
            if self.alive:
                raise self._not_ready_error() from error
            raise AzureError(self._launch.crash_message(), "ContainerCrashed") from error
        if response.status != 200:
            raise AzureError(
                f"the deployment answered its liveness probe with {response.status}; see its log",
                "ContainerCrashed",
            )

    async def _send(self, request: ScoringRequest, deadline: float) -> ScoringResponse:
        worker = await self._next_idle_worker(deadline)
        try:
            return await worker.send(request, max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise self._timeout_error() from None
        except ConnectionError:
            raise BadGateway("the deployment's process ended during the request") from None

    async def _next_idle_worker(self, deadline: float) -> Worker:
        while not self._idle.empty():
            worker = self._idle.get_nowait()
            if worker.alive:
                return worker
        queue_seconds = self.limits.queue_seconds
        until = deadline
        if queue_seconds is not None:
            until = min(until, time.monotonic() + queue_seconds)
        self._require_process()
        while (seconds := until - time.monotonic()) > 0:
            self._requeue_lost_workers()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, CHECK_SECONDS)):
                    worker = await self._idle.get()
                if worker.alive:
                    return worker
                self._require_process()
        if until < deadline:
            raise TooMany(f"the request waited longer than max_queue_wait, {queue_seconds:g} s")
        raise self._timeout_error()

    def _require_process(self) -> None:
        if not self.alive:
            raise Unavailable("no process of the deployment runs; see its log")

    def _requeue_lost_workers(self) -> None:
        """Queue idle workers that are not in the queue, and log this as a defect.

        A worker is either busy or in the queue. Otherwise it would never get a request again.
        """
        if not self._idle.empty():
            return
        for worker in self._workers:
            if worker.alive and not worker.busy:
                message = f"defect: the idle process {worker.process.pid} was not in the queue"
                logger.error(message)
                self._write_log(message)
                self._idle.put_nowait(worker)

    async def close(self, grace: float) -> None:
        """End the processes when they have answered their requests, at most ``grace`` s later."""
        self._closed = True
        deadline = time.monotonic() + grace
        while self._requests and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        for task in self._restart_loops:
            task.cancel()
        await asyncio.gather(*self._restart_loops, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in self._workers))
        self._workers.clear()

    def _supervise(self, worker: Worker | None) -> None:
        self._restart_loops.append(asyncio.create_task(self._restart_loop(worker)))

    async def _restart_loop(self, worker: Worker | None) -> None:
        """Keep one process running."""
        pause = 0.0
        while not self._closed:
            begun = time.monotonic()
            try:
                worker = worker or await self._start_worker()
                await worker.ended.wait()
            except AzureError:
                pass  # the log has it; the next try follows
            except Exception as error:
                logger.exception("a process of a deployment did not start")
                self._write_log(f"the process did not start: {error!r}; trying again")
            if worker is not None:
                self._workers.discard(worker)
                code = await worker.process.wait_for_exit()
                self._write_log(f"the process ended with exit code {code}; restarting it")
            lived = time.monotonic() - begun
            pause = 0.0 if lived > SHORT_LIFE_SECONDS else min(MAX_PAUSE_SECONDS, pause * 2 or 0.5)
            worker = None
            await asyncio.sleep(pause)

    def _write_log(self, line: str) -> None:
        """Append a line to the deployment's log, unless the disk is full."""
        with contextlib.suppress(OSError):
            self._launch.write_log(line)

    async def _start_worker(self) -> Worker:
        async with self._start_slots:
            worker = await start_worker(self._launch, self._processes, self._idle.put_nowait)
            try:
                async with asyncio.timeout(self.limits.ready_seconds):
                    await _wait_for_first(worker.ready, worker.ended)
            except TimeoutError:
                await worker.end()
                raise self._not_ready_error() from None
            except asyncio.CancelledError:
                await worker.end()
                raise
        if not worker.ready.is_set():
            await worker.process.wait_for_exit()
            raise AzureError(self._launch.crash_message(), "ContainerCrashed")
        self._workers.add(worker)
        return worker

    def _timeout_error(self) -> TimedOut:
        return TimedOut(f"the deployment did not answer within {self.limits.timeout_seconds:g} s")

    def _not_ready_error(self) -> AzureError:
        return AzureError(
            f"the deployment was not ready within {self.limits.ready_seconds:g} s, "
            "the time of its readiness probe; see its log",
            "DeploymentTimedOut",
        )


async def _wait_for_first(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
