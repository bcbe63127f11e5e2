"""The running deployments: started, replaced without a gap, found again after a restart."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from azureml_local.nursery import Nursery
from azureml_local.online.limits import Limits
from azureml_local.online.pool import Pool
from azureml_local.online.worker import Launch

# What most models without code need.
COMMON = (
    "azureml_local.online.scorer",
    "azureml_local.online.nocode",
    "pandas",
    "sklearn.linear_model",
    "skops.io",
    "cloudpickle",
)


class Serving:
    """The pools of the server, by deployment."""

    def __init__(self, log: Path) -> None:
        """No pool yet; ``log`` is for what the nursery of their processes has to say."""
        self._pools: dict[str, Pool] = {}
        self._starting: dict[str, asyncio.Event] = {}
        self.nursery = Nursery(COMMON, env=os.environ, log=log)
        # Imports take most of a start: more of them than cores only make all of them late.
        self._turns = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    async def start(self, key: str, launch: Launch, limits: Limits) -> None:
        """Start a deployment, and let it take over once it answers.

        Args:
            key: names the deployment.
            launch: how its processes are started.
            limits: how much it takes on.

        Raises:
            AzureError: its process ended, or was not ready in time; its last line says why.
        """
        started = self._starting[key] = asyncio.Event()
        pool = Pool(launch, limits, self._turns, self.nursery)
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
            await old.close(old.limits.seconds)

    def get(self, key: str) -> Pool | None:
        """A deployment's pool; None where it does not run."""
        return self._pools.get(key)

    async def ready(self, key: str, seconds: float) -> Pool | None:
        """The same, but one that is just being started is waited for."""
        found = self._pools.get(key)
        starting = self._starting.get(key)
        if found is None and starting is not None:
            try:
                await asyncio.wait_for(starting.wait(), seconds)
            except TimeoutError:
                return None
            found = self._pools.get(key)
        return found

    async def stop(self, key: str) -> None:
        """End a deployment's processes; nothing where it does not run."""
        self._starting.pop(key, None)
        found = self._pools.pop(key, None)
        if found is not None:
            await found.close(0)

    async def stop_all(self) -> None:
        """End all processes."""
        await asyncio.gather(*(self.stop(key) for key in list(self._pools)))
        self.nursery.stop()
