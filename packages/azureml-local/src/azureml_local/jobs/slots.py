"""Queues of jobs: on each compute, as many jobs run at the same time as it has instances.

Jobs start in the order of submission. The number of slots is read again whenever slots are released
and when the compute changes, because a cluster can be resized while jobs are queued.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Key = tuple[str, str]
"""A workspace's key and a compute's name."""


class Slots:
    """The slots that jobs hold, and the jobs that wait for one."""

    def __init__(self) -> None:
        self._in_use: dict[Key, int] = {}
        self._queues: dict[Key, deque[asyncio.Event]] = {}

    async def acquire(
        self,
        key: Key,
        max_slots: Callable[[], int],
        cancelled: asyncio.Event,
        on_queued: Callable[[], None],
        count: int = 1,
    ) -> bool:
        """Wait until ``count`` of the ``max_slots()`` slots are free and take them.

        Args:
            key: the compute.
            max_slots: the current number of slots.
            cancelled: set when the job is cancelled.
            on_queued: called once if the job has to wait.
            count: the number of slots; a job that needs more than exist waits until all are free.

        Returns:
            Whether they were taken; False if the job was cancelled while it waited.
        """
        queue = self._queues.setdefault(key, deque())
        turn = asyncio.Event()
        queue.append(turn)
        waited = False
        try:
            while queue[0] is not turn or self._in_use.get(key, 0) > max(0, max_slots() - count):
                if not waited:
                    on_queued()
                    waited = True
                await _wait_for_either(turn, cancelled)
                turn.clear()
                if cancelled.is_set():
                    return False
        finally:
            queue.remove(turn)
            self.wake(key)
        self._in_use[key] = self._in_use.get(key, 0) + count
        self.wake(key)
        return True

    def release(self, key: Key, count: int = 1) -> None:
        """Return slots."""
        self._in_use[key] -= count
        self.wake(key)

    def wake(self, key: Key) -> None:
        """Let the first job in the queue check again whether a slot is free."""
        queue = self._queues.get(key)
        if queue:
            queue[0].set()


async def _wait_for_either(one: asyncio.Event, other: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
