"""Locks between processes on one machine. The system releases a lock when its process ends.

The locks are POSIX record locks: a forked child does not have them, and neither a reused process
id nor a changed clock can make one stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path


class LockedError(Exception):
    """Another process has the lock. The message names its process id and the time of locking."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is created.

    Raises:
        LockedError: another process has the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, see fcntl(2)
            file.seek(0)
            raise LockedError(file.read().strip() or "unknown process") from None
        file.truncate(0)
        file.write(f"pid {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        file.flush()
        yield


def is_locked(path: Path) -> bool:
    """Whether another process has the lock on a file, which is not changed or created."""
    try:
        with path.open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False


class UsageLock:
    """Lets several processes use something that one of them starts and stops.

    Args:
        path: the lock file, which is created.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Hold the lock of starting, stopping and joining; waits for it."""
        with self._path.with_suffix(".change").open("a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def use(self) -> Iterator[Callable[[Callable[[], None]], None]]:
        """Be one of the users.

        Yields:
            A function that waits until there is no other user; it calls its argument if it waits.
        """
        with self._path.open("a+") as file:
            fcntl.lockf(file, fcntl.LOCK_SH)

            def wait_for_others(on_wait: Callable[[], None]) -> None:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except (BlockingIOError, PermissionError):
                    on_wait()
                    fcntl.lockf(file, fcntl.LOCK_EX)

            yield wait_for_others
