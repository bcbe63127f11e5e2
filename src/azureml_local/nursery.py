"""Copies of a process which has imported what is slow to import.

Importing MLflow or scikit-learn takes seconds of processor time; a copy of a process that has done
it takes milliseconds, and shares its memory. The process is started when it is first needed and
ended when nobody needs it; what it does is in :mod:`azureml_local.copies`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tether

PIECE = 1 << 16
IDLE_SECONDS = 900.0


class Gone(Exception):
    """The nursery ended before it had made the copy that was asked for."""


@dataclass
class Child:
    """A copy as the server sees it; ``code`` is its exit code once ``ended`` is set."""

    pid: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    code: int = -signal.SIGKILL

    async def end(self, grace: float) -> int:
        """End it with its group: SIGTERM, ``grace`` seconds, then SIGKILL; gives the exit code."""
        for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signum)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), seconds)
        return self.code

    async def gone(self) -> int:
        """The exit code of a copy that is at its end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), 1.0)
        return await self.end(1.0)


class Nursery:
    """The process that is copied, started when it is first needed; ended when nobody needs it."""

    def __init__(self, module: str, *words: str, log: Path | None = None) -> None:
        """Make a nursery; nothing is started yet.

        Args:
            module: what its copies run.
            words: for the module's ``prepare``.
            log: where it writes until it is copied; None: nowhere.
        """
        self._module = module
        self._words = words
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._children: dict[int, Child] = {}
        self._born: asyncio.Future[int] | None = None
        self._turn = asyncio.Lock()
        self._text = b""
        self._idle: asyncio.TimerHandle | None = None

    def warm(self) -> None:
        """Have the process from now on, for a while."""
        if self._socket is None:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs, Path(self._log or os.devnull).open("ab") as log:
                self._process = tether.spawn(
                    [
                        sys.executable,
                        "-u",
                        "-m",
                        "azureml_local.copies",
                        str(theirs.fileno()),
                        self._module,
                        *self._words,
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                )
            self._socket, self._text = ours, b""
            asyncio.get_running_loop().add_reader(ours, self._told)
        self._rest()

    async def spawn(
        self,
        spec: dict[str, str],
        log: Path,
        folder: Path,
        environment: dict[str, str],
        connection: socket.socket | None = None,
    ) -> Child:
        """A copy that serves ``spec``.

        Args:
            spec: what the module's ``serve`` gets.
            log: what it prints goes to its end.
            folder: where it runs.
            environment: variables beside those of this process.
            connection: given to it too; stays the caller's to close.

        Raises:
            Gone: the process that should be copied ended.
        """
        asked = {
            "spec": spec,
            "log": str(log),
            "folder": str(folder),
            "environment": environment,
        }
        # Of our own: whoever asked may not wait for it, and the next one must not get its copy.
        given = [os.dup(connection.fileno())] if connection is not None else []
        return await asyncio.shield(asyncio.create_task(self._copied(asked, given)))

    async def _copied(self, asked: dict[str, Any], given: list[int]) -> Child:
        try:
            async with self._turn:
                self.warm()
                self._born = asyncio.get_running_loop().create_future()
                if self._socket is not None:
                    socket.send_fds(self._socket, [json.dumps(asked).encode() + b"\n"], given)
                pid = await self._born
                self._children[pid] = child = Child(pid)
                return child
        finally:
            for each in given:
                os.close(each)

    async def stop(self) -> None:
        """End the process and its copies."""
        if self._process is not None:
            process = self._process
            await asyncio.gather(*(child.end(1.0) for child in list(self._children.values())))
            self._end()
            await asyncio.to_thread(tether.end_group, process, 1.0)

    def _rest(self) -> None:
        """End the process in a while, when nobody has asked for a copy and none lives."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._unwanted)

    def _unwanted(self) -> None:
        if self._children:
            self._rest()
        else:
            self._end()

    def _told(self) -> None:
        """Read what the process says."""
        if self._socket is None:
            return
        try:
            piece = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end()
            return
        *lines, self._text = (self._text + piece).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "born" in said and self._born is not None:
                self._born.set_result(said["born"])
            elif "ended" in said:
                # Told right after the other, perhaps before the one who asked has gone on.
                asyncio.get_running_loop().call_soon(self._buried, said["ended"], said["code"])

    def _buried(self, pid: int, code: int) -> None:
        child = self._children.pop(pid, None)
        if child is not None:
            child.code = code
            child.ended.set()

    def _end(self) -> None:
        """Close the socket: the process ends by it. What copies it leaves are ended."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        if self._idle is not None:
            self._idle.cancel()
        self._socket, self._idle = None, None
        if self._born is not None and not self._born.done():
            self._born.set_exception(Gone(f"the process that {self._module} is copied from ended"))
        for pid, child in list(self._children.items()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            self._buried(pid, child.code)
        if self._process is not None:
            self._process.poll()
