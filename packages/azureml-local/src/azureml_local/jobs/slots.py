"""Whose turn it is: as many jobs of a compute run side by side as it has instances.

First come, first served. The number is asked for whenever somebody waits, because a cluster may be
made larger while jobs are in its queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Key = tuple[str, str]
"""A workspace's key and a compute's name."""


class Slots:
    """The instances that jobs hold, and the jobs that wait for one."""

    def __init__(self) -> None:
        self._held: dict[Key, int] = {}
        self._waiting: dict[Key, deque[asyncio.Event]] = {}

    async def acquire(
        self,
        key: Key,
        most: Callable[[], int],
        cancelled: asyncio.Event,
        queued: Callable[[], None],
    ) -> bool:
        """Take one of ``most()`` slots when it is this job's turn.

        Args:
            key: the compute.
            most: how many slots there are by now.
            cancelled: set when the job shall wait no longer.
            queued: called once if the job has to wait.

        Returns:
            Whether it was taken; False where the job was cancelled while it waited.
        """
        line = self._waiting.setdefault(key, deque())
        turn = asyncio.Event()
        line.append(turn)
        told = False
        try:
            while line[0] is not turn or self._held.get(key, 0) >= most():
                if not told:
                    queued()
                    told = True
                await _either(turn, cancelled)
                turn.clear()
                if cancelled.is_set():
                    return False
        finally:
            line.remove(turn)
            self._wake(key)
        self._held[key] = self._held.get(key, 0) + 1
        self._wake(key)
        return True

    def release(self, key: Key) -> None:
        """Give a slot back."""
        self._held[key] -= 1
        self._wake(key)

    def changed(self, key: Key) -> None:
        """The compute has another size now."""
        self._wake(key)

    def _wake(self, key: Key) -> None:
        line = self._waiting.get(key)
        if line:
            line[0].set()


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    tasks = [asyncio.create_task(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
