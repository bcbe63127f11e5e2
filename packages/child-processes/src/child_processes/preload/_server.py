"""The preloaded process: ``python -m child_processes.preload._server SOCKET IDLE MODULE...``.

SOCKET is the file descriptor of a bound socket. IDLE is the number of seconds after which it exits
without requests (0: never). The modules after an argument ``--`` are imported when a request needs
all modules.

It handles requests between imports, so that a process that needs only the first modules does not
wait for the last. It starts no threads, because threads do not survive a fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from child_processes.preload import _process
from child_processes.preload._imports import missing_imports
from child_processes.preload._protocol import (
    LATER,
    LONGEST_PACKET,
    Request,
    import_time_variables,
    inherited_attributes,
)

STREAMS = 3
SUFFIXES = (".py", ".so", ".pyc")


class Forked(Exception):
    """Raised in a fork, to leave the loop of the preloaded process."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class Server:
    """Handles requests, imports modules, and sends the exit codes of forks to their clients."""

    def __init__(
        self, listener: socket.socket, idle: float | None, modules: list[str], later: list[str]
    ) -> None:
        self._idle = idle
        self._first = frozenset(modules)
        self._modules = deque(modules)
        self._later = later
        self._failed = ""
        # Read before the imports: matplotlib sets one of them if its folder cannot be written.
        self._variables = import_time_variables(os.environ)
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
                self._import_next()

    def _handle(self, connection: socket.socket) -> None:
        packet, streams, _, _ = socket.recv_fds(connection, LONGEST_PACKET, STREAMS)
        if not packet:
            connection.close()
            return
        request = Request.from_packet(packet)
        if request.imports == "all":
            self._modules.extend(self._later)
            self._later = []
        if request.modules:
            os.environ.update(request.env)
            self._variables |= import_time_variables(request.env)
            self._modules.extendleft(reversed(request.modules))
        while request.argv and self._modules and not self._is_ready(request):
            self._import_next()
        reason = _refusal_reason(request, self._variables)
        if request.argv and self._failed:
            # A fork would have half of the module's parts, and could not import it again.
            reason = reason or f"the import of {self._failed} failed"
        if _is_closed(connection):  # its client waits no longer, and starts an ordinary process
            connection.close()
        elif reason or not request.argv:
            if reason:
                sys.stderr.write(f"refused {' '.join(request.argv[1:])}: {reason}\n")
            _answer(connection, {"refused": reason})
            connection.close()
        else:
            self._fork(request, streams, connection)
        for stream in streams:
            os.close(stream)

    def _import_next(self) -> None:
        name = self._modules.popleft()
        if not _import(name):
            self._failed = name

    def _is_ready(self, request: Request) -> bool:
        """Whether the modules that a fork waits for are imported."""
        if request.imports == "first":
            return self._first.isdisjoint(self._modules)
        return request.imports == "some"

    def _fork(self, request: Request, streams: list[int], connection: socket.socket) -> None:
        gc.freeze()  # the garbage collector of a fork must not write to shared pages
        pid = os.fork()
        if pid == 0:
            self._close_all(connection)
            _process.set_up(request, streams)
            raise Forked(request)
        self._connections[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)
        _answer(connection, {"pid": pid})

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
                _answer(connection, {"code": code})
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


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _answer(connection: socket.socket, answer: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # its client has ended
        connection.send(json.dumps(answer).encode())


def _import(name: str) -> bool:
    """Import a module, and call the function after a colon; false if it began and failed.

    A missing module is left out. If the module exists and one of its own imports is missing, it has
    begun: parts of its package may stay imported.
    """
    name, _, function = name.partition(":")
    try:
        module = importlib.import_module(name)
        if function:
            getattr(module, function)()
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            traceback.print_exc()
            return False
    except Exception:  # noqa: BLE001 - an ordinary process will import it again and report it
        traceback.print_exc()
        return False
    return True


def _refusal_reason(request: Request, ours: Mapping[str, str]) -> str:
    """Why a fork would differ from an ordinary process; empty if it would not.

    Args:
        request: the request for the fork.
        ours: the variables that the imported modules have read.
    """
    if not request.argv:
        return ""
    if request.argv[0] != sys.executable or not _is_program(request.argv[1:]):
        return f"the command must be {sys.executable} -m MODULE, or {sys.executable} SCRIPT"
    theirs = import_time_variables(request.env)
    if theirs != ours:
        names = {*ours, *theirs}
        unused = tuple(request.unused_variables)
        different = sorted(
            name
            for name in names
            if ours.get(name) != theirs.get(name) and not name.startswith(unused)
        )
        if different:
            return f"other values of {', '.join(different)}"
    attributes = inherited_attributes()
    if different := [name for name in attributes if attributes[name] != request.attributes[name]]:
        return f"another value of {', '.join(different)}"
    if threading.active_count() > 1:
        return f"the imports started threads: {threading.enumerate()}"
    if request.argv[1] == "-I":
        return ""  # modules of its folder have no effect
    script = "" if request.argv[1] == "-m" else request.argv[1]
    folder = Path(request.cwd, script).resolve().parent if script else Path(request.cwd)
    try:
        if missing := missing_imports(request.argv[1:], Path(request.cwd), request.requires):
            return f"the code does not import {', '.join(missing)}"
        if hidden := _find_hidden_module(folder):
            return f"{folder} has a module {hidden} of its own"
    except OSError as error:  # the folder cannot be read: an ordinary process reports it
        return str(error)
    return ""


def _is_program(arguments: list[str]) -> bool:
    """Whether the interpreter's arguments begin with ``[-I] -m MODULE`` or a script."""
    if arguments[:1] == ["-I"] and arguments[1:2] == ["-m"]:
        arguments = arguments[1:]
    if arguments[:1] == ["-m"]:
        return len(arguments) > 1
    return bool(arguments) and not arguments[0].startswith("-")


def _find_hidden_module(folder: Path) -> str:
    """A module of the program's folder, which an imported module of the same name would hide."""
    for entry in os.scandir(folder):
        name = entry.name.partition(".")[0]
        module = sys.modules.get(name)
        if module is None or name == "__main__":
            continue
        if entry.name.endswith(SUFFIXES):
            file = Path(entry.path)
        elif "." not in entry.name and Path(entry.path, "__init__.py").is_file():
            file = Path(entry.path, "__init__.py")
        else:
            continue
        if Path(getattr(module, "__file__", None) or "").resolve() != file.resolve():
            return name
    return ""


def main() -> None:
    """Run the preloaded process; in a fork, run the requested module."""
    del sys.path[0]  # the folder that -m has added
    gc.disable()  # imports create many objects and few cycles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner handles a Ctrl-C
    _, listener, idle, *modules = sys.argv
    later = modules.index(LATER) if LATER in modules else len(modules)
    with_socket = socket.socket(fileno=int(listener))
    signal.signal(signal.SIGTERM, lambda *_: _remove_and_exit(with_socket))
    server = Server(
        with_socket,
        float(idle) or None,
        modules[:later],
        modules[later + 1 :],
    )
    request = None
    try:
        server.serve()
    except Forked as fork:
        request = fork.request
    if request is not None:
        _process.run_and_exit(request)


def _remove_and_exit(listener: socket.socket) -> None:
    """Remove the socket's folder, which the owner cannot if it was killed."""
    shutil.rmtree(Path(listener.getsockname()).parent, ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
