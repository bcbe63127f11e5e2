"""The processes of one deployment: each answers one request at a time, the others wait their turn.

A process that ends by itself is started again, as Azure restarts a container, slower each time that
it does not live long. One that is still busy with a request whose time was up takes the next one
only when it is done with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from azureml_local.errors import AzureError, BadGateway, TimedOut, TooMany, Unavailable
from azureml_local.nursery import Nursery
from azureml_local.online.limits import Limits
from azureml_local.online.worker import Launch, Worker, spawn
from azureml_local.scoring.frames import Answer, Asked

logger = logging.getLogger(__name__)
LIVENESS = Asked(b"", "GET", "/")
"""The liveness request of Azure's inference server: a worker answers it without the user's code."""
POLL_SECONDS = 0.02
WATCH_SECONDS = 1.0
"""How long a request waits for a worker before it looks for workers that the queue has lost."""
SHORT_LIFE = 30.0
"""Seconds; a process that ends sooner is started again only after a while."""
LONGEST_PAUSE = 30.0


class Pool:
    """The processes of one deployment."""

    def __init__(
        self, launch: Launch, limits: Limits, turns: asyncio.Semaphore, nursery: Nursery
    ) -> None:
        """Make a pool; nothing is started yet.

        Args:
            launch: how a process is started.
            limits: how much the deployment takes on.
            turns: what keeps too many processes from being started at once.
            nursery: makes processes of plain deployments.
        """
        self.limits = limits
        self._launch = launch
        self._turns = turns
        self._nursery = nursery
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
        """Start the processes; returns when the first has answered the probe.

        Raises:
            AzureError: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + self.limits.ready_seconds
        first = await self._started()
        try:
            await self._probe(deadline)
        except BaseException:
            self._workers.discard(first)
            await first.end()
            raise
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
            return await self._ask(asked, time.monotonic() + self.limits.seconds)
        finally:
            self._inside -= 1

    async def _probe(self, deadline: float) -> None:
        """Send the inference server's liveness request the way that callers' requests go.

        Raises:
            AzureError: the deployment does not answer it, although its process is ready.
        """
        try:
            answer = await self._ask(LIVENESS, deadline)
        except AzureError as error:
            if self.alive:
                raise self._not_ready() from error
            raise AzureError(self._launch.last_line(), "ContainerCrashed") from error
        if answer.status != 200:
            raise AzureError(
                f"the deployment answered its liveness probe with {answer.status}; see its log",
                "ContainerCrashed",
            )

    async def _ask(self, asked: Asked, deadline: float) -> Answer:
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
        while not self._idle.empty():
            worker = self._idle.get_nowait()
            if worker.alive:
                return worker
        queue_seconds = self.limits.queue_seconds
        until = deadline
        if queue_seconds is not None:
            until = min(until, time.monotonic() + queue_seconds)
        if not self.alive:
            raise Unavailable("no process of the deployment runs; see its log")
        while (seconds := until - time.monotonic()) > 0:
            self._offer_forgotten()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, WATCH_SECONDS)):
                    worker = await self._idle.get()
                if worker.alive:
                    return worker
                if not self.alive:
                    raise Unavailable("no process of the deployment runs; see its log")
        if until < deadline:
            raise TooMany(f"the request waited longer than max_queue_wait, {queue_seconds:g} s")
        raise TimedOut(f"the deployment did not answer within {self.limits.seconds:g} s")

    def _offer_forgotten(self) -> None:
        """Offer requests to idle workers that the queue has lost; that there are any is a defect.

        A worker is busy or in the queue. One that is neither would never be asked again.
        """
        if not self._idle.empty():
            return
        for worker in self._workers:
            if worker.alive and not worker.busy:
                message = f"defect: the idle process {worker.process.pid} was not in the queue"
                logger.error(message)
                self._launch.say(message)
                self._idle.put_nowait(worker)

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
                code = await worker.process.gone()
                self._launch.say(f"the process ended with exit code {code} and is started again")
            lived = time.monotonic() - begun
            pause = 0.0 if lived > SHORT_LIFE else min(LONGEST_PAUSE, pause * 2 or 0.5)
            worker = None
            await asyncio.sleep(pause)

    async def _started(self) -> Worker:
        async with self._turns:
            worker = await spawn(self._launch, self._nursery, self._idle.put_nowait)
            try:
                async with asyncio.timeout(self.limits.ready_seconds):
                    await _first(worker.ready, worker.ended)
            except TimeoutError:
                await worker.end()
                raise self._not_ready() from None
            except asyncio.CancelledError:
                await worker.end()
                raise
        if not worker.ready.is_set():
            await worker.process.gone()
            raise AzureError(self._launch.last_line(), "ContainerCrashed")
        self._workers.add(worker)
        return worker

    def _not_ready(self) -> AzureError:
        return AzureError(
            f"the deployment was not ready within {self.limits.ready_seconds:g} s, "
            "the time of its readiness probe; see its log",
            "DeploymentTimedOut",
        )


async def _first(*events: asyncio.Event) -> None:
    """Wait for whichever is set first."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
