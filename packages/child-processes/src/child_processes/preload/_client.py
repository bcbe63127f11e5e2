"""The client: a forked copy of a preloaded process, used like :class:`subprocess.Popen`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from child_processes.preload._protocol import LONGEST_PACKET, Request

KILLED = -signal.SIGKILL


class Refused(Exception):
    """The preloaded process cannot run this command; start it the ordinary way."""


class Process:
    """A process that a preloaded process forked.

    Attributes:
        args: the command that it stands for.
        pid: its id; it leads a session and a process group of its own.
        returncode: its exit code (negative: the signal's number); None while it runs, or while
            nobody has asked.
        stdin, stdout, stderr: always None: what is read from it was given to it.
    """

    stdin = stdout = stderr = None

    def __init__(self, args: list[str], pid: int, connection: socket.socket) -> None:
        self.args = args
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, after this many seconds.
        """
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, signum: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        waiting = select.poll()  # select() knows no more than 1,024 files
        waiting.register(self._connection, select.POLLIN)
        if waiting.poll(None if timeout is None else timeout * 1000):
            with self._lock:  # several threads may be told at once
                if self.returncode is None:
                    try:
                        packet = self._connection.recv(LONGEST_PACKET)
                    except ConnectionResetError:
                        packet = b""
                    # A preloaded process that was killed has ended what it forked.
                    self.returncode = int(json.loads(packet)["code"]) if packet else KILLED
        return self.returncode


def popen(
    address: str | os.PathLike[str],
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    patience: float = 60.0,
) -> Process:
    """Run ``python -m MODULE ARGS`` as a copy of a preloaded process.

    Args:
        address: the preloaded process's socket.
        argv: the interpreter, ``-m``, a module and its arguments.
        env: its whole environment; this process's by default.
        cwd: its folder; this process's by default.
        stdin: a file descriptor for its input; by default it is empty.
        stdout: a file descriptor for its output; this process's by default.
        stderr: the same for its errors.
        patience: seconds that a preloaded process may take to answer (it does between two imports).

    Returns:
        The process. It ends when this process does.

    Raises:
        Refused: there is no such preloaded process, or it cannot run this as asked.
    """
    request = Request(
        argv=[os.fspath(part) for part in argv],
        env=dict(os.environ if env is None else env),
        cwd=os.path.abspath(cwd or Path.cwd()),  # noqa: PTH100 - links stay as they are named
    )
    nothing = os.open(os.devnull, os.O_RDONLY)
    given = [nothing if stdin is None else stdin]
    given += [1 if stdout is None else stdout, 2 if stderr is None else stderr]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(patience)
    try:
        connection.connect(os.fspath(address))
        socket.send_fds(connection, [request.packed()], given)
        answer = json.loads(connection.recv(LONGEST_PACKET) or b'{"refused": "it has ended"}')
    except OSError as error:
        connection.close()
        raise Refused(f"{address}: {error}") from None
    finally:
        os.close(nothing)
    if "refused" in answer:
        connection.close()
        raise Refused(f"{address}: {answer['refused']}")
    connection.settimeout(None)
    return Process(request.argv, answer["pid"], connection)
