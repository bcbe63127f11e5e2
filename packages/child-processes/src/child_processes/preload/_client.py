"""The client: forks of a preloaded process, used like :class:`subprocess.Popen`."""

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

from child_processes.preload._protocol import LONGEST_PACKET, Imports, Request, inherited_attributes

KILLED = -signal.SIGKILL
CONNECT_SECONDS = 5.0
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Refused(Exception):
    """The preloaded process cannot run this command; start an ordinary process."""


class Process:
    """A process that a preloaded process forked.

    Attributes:
        args: its command.
        pid: its process id; it leads its own session and process group.
        returncode: its exit code (negative: the number of the signal); None until :meth:`poll` or
            :meth:`wait` finds that it has ended.
        stdin, stdout, stderr: always None: the caller passes file descriptors.
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
        return self._read_exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended after this many seconds.
        """
        code = self._read_exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, signum: int) -> None:
        """Send it a signal unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        waiting = select.poll()  # select() supports only 1,024 file descriptors
        waiting.register(self._connection, select.POLLIN)
        if waiting.poll(None if timeout is None else timeout * 1000):
            with self._lock:  # several threads may wait
                if self.returncode is None:
                    try:
                        packet = self._connection.recv(LONGEST_PACKET)
                    except ConnectionResetError:
                        packet = b""
                    # If the preloaded process was killed, its forks were killed too.
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
    timeout: float = 60.0,
    imports: Imports = "some",
    requires: Sequence[str] = (),
    unused_variables: Sequence[str] = (),
) -> Process:
    """Run ``python -m MODULE ARGS`` or ``python SCRIPT ARGS`` as a fork of a preloaded process.

    Args:
        address: the preloaded process's socket.
        argv: the interpreter, then ``-m`` and a module, or a script, then its arguments. ``-I``
            before ``-m``: without the modules of its folder.
        env: its environment; this process's by default.
        cwd: its folder; this process's by default.
        stdin: a file descriptor for its input; empty by default.
        stdout: a file descriptor for its output; this process's by default.
        stderr: the same for its errors.
        timeout: seconds to wait for the preloaded process, which responds between two imports.
        imports: the modules that the fork waits for.
        requires: packages that the code of the program must import itself.
        unused_variables: prefixes of variables that the program does not use; their values may
            differ from those that the imported modules have read.

    Returns:
        The process. It ends when this process does.

    Raises:
        Refused: the preloaded process does not exist, or cannot run this command.
    """
    request = Request(
        argv=[os.fspath(part) for part in argv],
        env=dict(os.environ if env is None else env),
        cwd=os.path.abspath(cwd or Path.cwd()),  # noqa: PTH100 - does not resolve links
        imports=imports,
        requires=list(requires),
        attributes=inherited_attributes(),
        unused_variables=list(unused_variables),
    )
    connection = _send(address, request, (stdin, stdout, stderr), timeout)
    try:
        answer = json.loads(connection.recv(LONGEST_PACKET) or b'{"refused": "it has ended"}')
    except OSError as error:
        answer = {"refused": str(error)}
    if "refused" in answer:
        connection.close()
        raise Refused(f"{address}: {answer['refused']}")
    connection.settimeout(None)
    return Process(request.argv, answer["pid"], connection)


def run(
    address: str | os.PathLike[str],
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    imports: Imports = "some",
    requires: Sequence[str] = (),
    unused_variables: Sequence[str] = (),
) -> int:
    """Run a command as a fork in place of this process: its streams, its signals, its end.

    The arguments are those of :func:`popen`.

    Returns:
        The exit code. If a signal ended the fork, it ends this process too.

    Raises:
        Refused: as :func:`popen`.
    """
    process = popen(
        address,
        argv,
        env=env,
        stdin=0,
        timeout=timeout,
        imports=imports,
        requires=requires,
        unused_variables=unused_variables,
    )
    for signum in PASSED_ON:
        signal.signal(signum, lambda number, frame: process.send_signal(number))
    code = process.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def import_all(address: str | os.PathLike[str]) -> None:
    """Tell a preloaded process that processes will need all of its modules; does not wait.

    Raises:
        Refused: the preloaded process does not exist.
    """
    request = Request(argv=[], env={}, cwd="/", imports="all")
    _send(address, request, (None, None, None), CONNECT_SECONDS).close()


def import_next(
    address: str | os.PathLike[str], modules: Sequence[str], env: Mapping[str, str]
) -> None:
    """Let a preloaded process import modules before those that are left; does not wait.

    Args:
        address: the preloaded process's socket.
        modules: as for :func:`preload.start`.
        env: variables that are added to its environment first. Modules that read them must not be
            among those that it imports before.

    Raises:
        Refused: the preloaded process does not exist.
    """
    request = Request(argv=[], env=dict(env), cwd="/", modules=list(modules))
    _send(address, request, (None, None, None), CONNECT_SECONDS).close()


def _send(
    address: str | os.PathLike[str],
    request: Request,
    streams: tuple[int | None, int | None, int | None],
    timeout: float,
) -> socket.socket:
    """Send a request and return the connection.

    Raises:
        Refused: there is no preloaded process.
    """
    stdin, stdout, stderr = streams
    nothing = os.open(os.devnull, os.O_RDONLY)
    descriptors = [nothing if stdin is None else stdin]
    descriptors += [1 if stdout is None else stdout, 2 if stderr is None else stderr]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(timeout)
    try:
        connection.connect(os.fspath(address))
        socket.send_fds(connection, [request.to_packet()], descriptors)
    except OSError as error:
        connection.close()
        raise Refused(f"{address}: {error}") from None
    finally:
        os.close(nothing)
    return connection
