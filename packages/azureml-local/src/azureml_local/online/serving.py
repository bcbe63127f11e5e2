"""The running deployments: started, replaced without a gap, restarted with the server."""

from __future__ import annotations

import asyncio
import os

from azureml_local.forked_workers import ForkedWorkers
from azureml_local.online.limits import Limits
from azureml_local.online.pool import Pool
from azureml_local.online.worker import LaunchSettings


class Serving:
    """The pools of all deployments, by the deployment's key."""

    def __init__(self, workers: ForkedWorkers) -> None:
        """Make it without pools; ``workers`` starts their processes."""
        self._pools: dict[str, Pool] = {}
        self._starting: dict[str, asyncio.Event] = {}
        self.workers = workers
        # Imports take most of a start: more starts than processors make all of them late.
        self._start_slots = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    async def start(self, key: str, launch: LaunchSettings, limits: Limits) -> None:
        """Start a deployment; it replaces the running version when it answers.

        Args:
            key: of the deployment; see ``pool_key``.
            launch: how to start its processes.
            limits: its limits.

        Raises:
            AzureError: its process ended, or was not ready in time.
        """
        started = self._starting[key] = asyncio.Event()
        pool = Pool(launch, limits, self._start_slots, self.workers)
        try:
            await pool.start()
            if self._starting.get(key) is not started:  # deleted or replaced meanwhile
                await pool.close(0)
                return
            old, self._pools[key] = self._pools.get(key), pool
        finally:
            started.set()
            if self._starting.get(key) is started:
                del self._starting[key]
        if old is not None:
            await old.close(old.limits.timeout_seconds)

    async def wait_for_pool(self, key: str, seconds: float) -> Pool | None:
        """A deployment's pool, after its start if it is starting; None if it does not run."""
        pool = self._pools.get(key)
        starting = self._starting.get(key)
        if pool is None and starting is not None:
            try:
                await asyncio.wait_for(starting.wait(), seconds)
            except TimeoutError:
                return None
            pool = self._pools.get(key)
        return pool

    async def stop(self, key: str) -> None:
        """End a deployment's processes, if it runs."""
        self._starting.pop(key, None)
        pool = self._pools.pop(key, None)
        if pool is not None:
            await pool.close(0)

    async def stop_all(self) -> None:
        """End all processes."""
        await asyncio.gather(*(self.stop(key) for key in list(self._pools)))
