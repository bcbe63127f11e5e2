"""The preloaded process: ``python -m child_processes.preload._server SOCKET IDLE MODULE...``.

SOCKET is the number of a bound one, IDLE the seconds after which it ends unwanted (0: never).

It imports between answers, so that a process which needs only the first modules does not wait for
the last. Nothing but the imported modules may run in it: no thread is started here, because a fork
would leave it behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections import deque

from child_processes.preload._protocol import LONGEST_PACKET, Request, early

STREAMS = 3
PR_SET_PDEATHSIG = 1


class Born(Exception):
    """Raised in a copy, to leave everything behind that was the preloaded process's."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class Server:
    """Answers requests, imports meanwhile, and tells clients when their process has ended."""

    def __init__(self, listener: socket.socket, idle: float | None, modules: list[str]) -> None:
        self._idle = idle
        self._modules = deque(modules)
        self._connections: dict[int, socket.socket] = {}  # by the process's id
        self._selector = selectors.DefaultSelector()
        self._woken, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._listener = listener
        self._inner = [self._woken, waker, self._listener]
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until nobody wants it.

        Raises:
            Born: this is a copy now.
        """
        while True:
            ready = self._selector.select(0 if self._modules else self._idle)
            if not ready and not self._modules and not self._connections:
                return
            for key, _ in ready:
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self._answer(connection)
                elif key.fileobj is self._woken:
                    self._woken.recv(LONGEST_PACKET)
                    self._reap()
                else:
                    self._gone(key.data)
            if self._modules:
                _import(self._modules.popleft())

    def _answer(self, connection: socket.socket) -> None:
        packet, streams, _, _ = socket.recv_fds(connection, LONGEST_PACKET, STREAMS)
        if not packet:
            connection.close()
            return
        request = Request.unpacked(packet)
        refused = _refused(request)
        if refused:
            sys.stderr.write(f"refused {' '.join(request.argv[1:])}: {refused}\n")
            connection.send(json.dumps({"refused": refused}).encode())
            connection.close()
        else:
            gc.collect()
            gc.freeze()  # a copy's collector must not write to shared pages
            pid = os.fork()
            if pid == 0:
                self._leave(connection)
                _become(request, streams)
                raise Born(request)
            connection.send(json.dumps({"pid": pid}).encode())
            self._connections[pid] = connection
            self._selector.register(connection, selectors.EVENT_READ, pid)
        for stream in streams:
            os.close(stream)

    def _reap(self) -> None:
        while self._connections:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            connection = self._connections.pop(pid, None)
            if connection is not None:
                self._selector.unregister(connection)
                code = os.waitstatus_to_exitcode(status)
                with contextlib.suppress(OSError):  # its client is gone too
                    connection.send(json.dumps({"code": code}).encode())
                connection.close()

    def _gone(self, pid: int) -> None:
        """A client ended, or wants the process no more: clients say nothing after the request."""
        connection = self._connections.pop(pid, None)
        if connection is None:
            return  # its process ended in the same moment
        self._selector.unregister(connection)
        connection.close()
        for kill in (os.kill, os.killpg):  # a group only when it has come so far
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def _leave(self, connection: socket.socket) -> None:
        """In a copy: let go of what is the preloaded process's."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for each in [*self._inner, *self._connections.values(), connection]:
            each.close()


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            traceback.print_exc()  # it is there, and misses another one
    except Exception:  # noqa: BLE001 - whoever needs it will import it again, and say so
        traceback.print_exc()


def _refused(request: Request) -> str:
    """Why a request cannot be fulfilled truly; empty where it can."""
    if request.argv[:2] != [sys.executable, "-m"] or len(request.argv) < 3:
        return f"it is {sys.executable} -m MODULE"
    mine, theirs = early(os.environ), early(request.env)
    if mine != theirs:
        names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
        return f"it was started with another {', '.join(names)}"
    if threading.active_count() > 1:
        return f"its imports started threads: {threading.enumerate()}"
    return ""


def _become(request: Request, streams: list[int]) -> None:
    """In a copy: be the process that was asked for, up to its first line."""
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody else could end it then
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    if "numpy" in sys.modules:  # each process has a random state of its own
        sys.modules["numpy"].random.seed()
    gc.enable()


def _run(request: Request) -> None:
    """What ``python -m`` does."""
    sys.argv = request.argv[2:]
    sys.path.insert(0, request.cwd)
    name = request.argv[2]
    if not hasattr(sys.modules.get(name), "__path__"):  # a package's __main__ is what is run of it
        sys.modules.pop(name, None)  # else runpy warns that it is imported already
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def main() -> None:
    """Be a preloaded process until a copy is born, and then be that."""
    del sys.path[0]  # the folder that -m put there
    gc.disable()  # imports make few cycles and many objects
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the owner to hear
    _, listener, idle, *modules = sys.argv
    server = Server(socket.socket(fileno=int(listener)), float(idle) or None, modules)
    request = None
    try:
        server.serve()
    except Born as born:
        request = born.request
    if request is not None:
        _run(request)


if __name__ == "__main__":
    main()
