"""Processes that begin with what is slow to import done, for as long as somebody wants them.

Importing MLflow or scikit-learn takes seconds of processor time; a copy of a process that has done
it (:mod:`child_processes.preload`) takes milliseconds and shares its memory. That process is
started when it is first needed, and ends when it has no copies and nobody has asked for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import child_processes
from child_processes import preload

IDLE_SECONDS = 900.0


@dataclass(frozen=True)
class Running:
    """A process that leads a group of its own, however it came to be."""

    process: subprocess.Popen[bytes] | preload.Process

    @property
    def pid(self) -> int:
        """Its id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    async def end(self, grace: float) -> int:
        """End it with its children: SIGTERM, ``grace`` seconds, SIGKILL; gives its exit code."""
        return await asyncio.to_thread(child_processes.end_group, self.process, grace)

    async def gone(self) -> int:
        """The exit code of a process that is at its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, 1.0)
        return await self.end(1.0)


class Nursery:
    """The process that is copied, started when it is first needed."""

    def __init__(self, modules: Iterable[str], *, env: Mapping[str, str], log: Path) -> None:
        """Make a nursery; nothing is started yet.

        Args:
            modules: what its copies find imported.
            env: the environment in which they were.
            log: where it writes what it refuses, and why.
        """
        self.env = dict(env)
        self._modules = tuple(modules)
        self._log = log
        self._zygote: preload.Preloaded | None = None

    def warm(self) -> Path | None:
        """Have the process from now on; gives its address, None where this system has none."""
        if self._zygote is not None and not self._zygote.alive:
            self.stop()
        if self._zygote is None:
            self._zygote = preload.start(
                self._modules, env=self.env, log=self._log, idle=IDLE_SECONDS
            )
        return self._zygote.address if self._zygote is not None else None

    async def spawn(
        self,
        command: list[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        log: Path,
        stdin: socket.socket | None = None,
        copy: bool = True,
    ) -> Running:
        """Start a program of Python's.

        Args:
            command: a module and its arguments, as ``python -m`` takes them.
            env: variables beside those of the nursery.
            folder: where it runs.
            log: what it prints goes to its end.
            stdin: its standard input; stays the caller's to close.
            copy: whether it may begin with imports done; where it cannot, it starts by itself.
        """
        return await _started(
            command,
            env={**self.env, **env},
            folder=folder,
            log=log,
            stdin=stdin,
            address=self.warm() if copy else None,
        )

    def stop(self) -> None:
        """End the process and its copies."""
        if self._zygote is not None:
            self._zygote.stop()
            self._zygote = None


async def _started(
    command: list[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    log: Path,
    stdin: socket.socket | None,
    address: Path | None,
) -> Running:
    """A process; without a zygote at ``address``, or where that refuses, it starts by itself."""
    # Of our own: whoever asked may not wait for it.
    given = os.open(os.devnull, os.O_RDONLY) if stdin is None else os.dup(stdin.fileno())
    argv = [sys.executable, "-m", *command]

    def started() -> subprocess.Popen[bytes] | preload.Process:
        try:
            with log.open("ab") as file:
                if address is not None:
                    out = file.fileno()
                    with contextlib.suppress(preload.Refused):  # its log says why
                        return preload.popen(
                            address, argv, env=env, cwd=folder, stdin=given, stdout=out, stderr=out
                        )
                unbuffered = {**env, "PYTHONUNBUFFERED": "1"}
                return child_processes.spawn(
                    argv, env=unbuffered, cwd=folder, stdin=given, stdout=file, stderr=file
                )
        finally:
            os.close(given)

    starting = asyncio.create_task(asyncio.to_thread(started))
    try:
        return Running(await asyncio.shield(starting))
    except asyncio.CancelledError:
        starting.add_done_callback(lambda task: task.result().kill())
        raise
