"""The preloaded process: ``python -m child_processes.preload._server SOCKET IDLE MODULE...``.

SOCKET is the file descriptor of a bound socket. IDLE is the number of seconds after which it exits
without requests (0: never).

It handles requests between imports, so that a process that needs only the first modules does not
wait for the last. It starts no threads, because threads do not survive a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
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

from child_processes.preload._protocol import LONGEST_PACKET, Request, import_time_variables

STREAMS = 3
PR_SET_PDEATHSIG = 1


class Forked(Exception):
    """Raised in a fork, to leave the loop of the preloaded process."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class Server:
    """Handles requests, imports modules, and sends the exit codes of forks to their clients."""

    def __init__(self, listener: socket.socket, idle: float | None, modules: list[str]) -> None:
        self._idle = idle
        self._modules = deque(modules)
        self._connections: dict[int, socket.socket] = {}  # by process id
        self._selector = selectors.DefaultSelector()
        self._wakeup, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._listener = listener
        self._inner = [self._wakeup, waker, self._listener]
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until it is idle.

        Raises:
            Forked: in a fork.
        """
        while True:
            ready = self._selector.select(0 if self._modules else self._idle)
            if not ready and not self._modules and not self._connections:
                return
            for key, _ in ready:
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    self._handle(connection)
                elif key.fileobj is self._wakeup:
                    self._wakeup.recv(LONGEST_PACKET)
                    self._reap()
                else:
                    self._kill(key.data)
            if self._modules:
                _import(self._modules.popleft())

    def _handle(self, connection: socket.socket) -> None:
        packet, streams, _, _ = socket.recv_fds(connection, LONGEST_PACKET, STREAMS)
        if not packet:
            connection.close()
            return
        request = Request.from_packet(packet)
        while request.all_modules and self._modules:
            _import(self._modules.popleft())
        reason = _refusal_reason(request)
        if reason:
            sys.stderr.write(f"refused {' '.join(request.argv[1:])}: {reason}\n")
            connection.send(json.dumps({"refused": reason}).encode())
            connection.close()
        else:
            gc.freeze()  # the garbage collector of a fork must not write to shared pages
            pid = os.fork()
            if pid == 0:
                self._close_all(connection)
                _set_up_process(request, streams)
                raise Forked(request)
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
                with contextlib.suppress(OSError):  # its client has ended too
                    connection.send(json.dumps({"code": code}).encode())
                connection.close()

    def _kill(self, pid: int) -> None:
        """Kill a fork whose client has closed its socket."""
        connection = self._connections.pop(pid, None)
        if connection is None:
            return  # the fork has ended at the same time
        self._selector.unregister(connection)
        connection.close()
        for kill in (os.kill, os.killpg):  # the group exists only after setsid
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def _close_all(self, connection: socket.socket) -> None:
        """In a fork: close the sockets of the preloaded process."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for each in [*self._inner, *self._connections.values(), connection]:
            each.close()


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            traceback.print_exc()  # the module exists, and one of its imports is missing
    except Exception:  # noqa: BLE001 - the fork will import it again and report it
        traceback.print_exc()


def _refusal_reason(request: Request) -> str:
    """Why a fork would differ from an ordinary process; empty if it would not."""
    if request.argv[:2] != [sys.executable, "-m"] or len(request.argv) < 3:
        return f"the command must be {sys.executable} -m MODULE"
    mine, theirs = import_time_variables(os.environ), import_time_variables(request.env)
    if mine != theirs:
        names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
        return f"other values of {', '.join(names)}"
    if threading.active_count() > 1:
        return f"the imports started threads: {threading.enumerate()}"
    return ""


def _set_up_process(request: Request, streams: list[int]) -> None:
    """In a fork: set up streams, environment and folder of the requested process."""
    os.setsid()
    ctypes.CDLL(None).prctl(
        PR_SET_PDEATHSIG, signal.SIGKILL
    )  # the fork must not outlive the preloaded process
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    if "numpy" in sys.modules:  # each process needs its own random state
        sys.modules["numpy"].random.seed()
    gc.enable()


def _run(request: Request) -> None:
    """Run the module as ``python -m`` does."""
    sys.argv = request.argv[2:]
    sys.path.insert(0, request.cwd)
    name = request.argv[2]
    if not hasattr(sys.modules.get(name), "__path__"):  # for a package, its __main__ runs
        sys.modules.pop(name, None)  # else runpy warns that it is already imported
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_and_exit(request: Request) -> None:
    """Run the module, and end as the interpreter does, but leave its modules to the system.

    Their teardown takes a third of a second. The exit handlers run, among them IPython's, which
    releases the objects of a notebook, and open files are flushed. multiprocessing ends its forks
    in the same way.
    """
    code = 0
    try:
        _run(request)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise  # a message, which the interpreter prints
        code = end.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    gc.collect()  # objects in reference cycles may have finalizers
    for stream in (sys.stdout, sys.stderr, *_list_files()):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    os._exit(code)


def _list_files() -> list[io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom]:
    """The files that modules have not closed; their buffers may not be written yet."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    # Not isinstance, which reads __class__: for proxy objects, that may raise an error.
    files = [each for each in gc.get_objects() if issubclass(type(each), kinds)]
    return sorted(files, key=lambda each: not isinstance(each, io.TextIOWrapper))


def main() -> None:
    """Run the preloaded process; in a fork, run the requested module."""
    del sys.path[0]  # the folder that -m has added
    gc.disable()  # imports create many objects and few cycles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner handles a Ctrl-C
    _, listener, idle, *modules = sys.argv
    server = Server(socket.socket(fileno=int(listener)), float(idle) or None, modules)
    request = None
    try:
        server.serve()
    except Forked as fork:
        request = fork.request
    if request is not None:
        _run_and_exit(request)


if __name__ == "__main__":
    main()
