"""A process that waits for a deployment, with what most models need imported already.

Imports take nearly all of the time in which a deployment of an MLflow model starts. A spare is made
when an endpoint is, taken by its next deployment, and ended when nobody has wanted it for a while.
"""

from __future__ import annotations

import asyncio

from azureml_local.online.worker import Launch, Worker, spawn_spare

IDLE_SECONDS = 900.0


class Spares:
    """At most one spare process."""

    def __init__(self) -> None:
        self._spare: Worker | None = None
        self._keeper: asyncio.Task[None] | None = None

    def warm(self) -> None:
        """Have a spare from now on, for a while."""
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._kept())

    async def _kept(self) -> None:
        self._spare = await spawn_spare()
        try:
            await asyncio.wait_for(self._spare.ended.wait(), IDLE_SECONDS)
        except TimeoutError:
            pass
        finally:
            spare, self._spare = self._spare, None
            if spare is not None:  # neither taken nor ended by somebody else
                await spare.end()

    def take(self, launch: Launch) -> Worker | None:
        """The spare, which becomes a process of ``launch``; None where there is none for it."""
        spare = self._spare
        if spare is None or not spare.alive or not launch.plain:
            return None
        self._spare = None
        if self._keeper is not None:
            self._keeper.cancel()
        spare.tell(launch)
        return spare

    async def stop(self) -> None:
        """End the spare."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
