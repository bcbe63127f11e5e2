"""The process that is copied: it imports what is slow to import, then makes a copy for each task.

    python -m azureml_local.copies SOCKET MODULE WORDS...

MODULE has ``prepare(words)``, which imports, and ``serve(spec, connection)``, which a copy runs to
its end. The server asks for copies over SOCKET, one at a time; see :mod:`azureml_local.nursery`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

PIECE = 1 << 16


def main(argv: list[str]) -> None:
    """Import, then make copies until the server closes the socket."""
    control = socket.socket(fileno=int(argv[1]))
    module = importlib.import_module(argv[2])
    module.prepare(argv[3:])
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(PIECE)
            _reap(control)
        if control in ready:
            asked, connection = _asked(control)
            if asked is None:
                return
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for each in (control, woken, waker):
                    each.close()
                _copy(module, asked, connection)
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.setpgid(pid, pid)  # here too: it may be ended before it has done so itself
            if connection is not None:
                connection.close()
            _say(control, {"born": pid})


def _asked(control: socket.socket) -> tuple[dict[str, Any] | None, socket.socket | None]:
    """What the server asks for, with the connection that it gives along; None when it has gone."""
    text, fds = b"", []
    while not text.endswith(b"\n"):
        piece, more, _, _ = socket.recv_fds(control, PIECE, 1)
        if not piece:
            return None, None
        text += piece
        fds += more
    return json.loads(text), socket.socket(fileno=fds[0]) if fds else None


def _copy(module: Any, asked: dict[str, Any], connection: socket.socket | None) -> None:
    """What a copy does; it never comes back."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        os.chdir(asked["folder"])
        os.environ.update(asked["environment"])
        module.serve(asked["spec"], connection)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - its last words go to its log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # The kernel closes the connection, so that its end is seen after the traceback is written.
        os._exit(code)


def _reap(control: socket.socket) -> None:
    """Tell of the copies that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say(control, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(control: socket.socket, said: dict[str, int]) -> None:
    with contextlib.suppress(OSError):  # the server has gone; the next look at the socket tells
        control.sendall(json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv)
