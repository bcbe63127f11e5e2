"""Locks of a data folder: one server uses it at a time, and ends after the last of its users.

``server.json`` exists only while a server is ready. The lock is held from the first access to the
folder until the last, so that a new server waits for the end of the old one. It is a POSIX record
lock: the system releases it when the server is killed, and children do not inherit it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from azureml_local.errors import LocalError
from azureml_local.server_file import read_server_file

SERVER, USERS, CHANGE = "lock", "users.lock", "users.change"
"""The files that are locked by the server, by each program that uses it, and while it is started or
ended. nbrelease locks the last two in the same way."""
POLL_SECONDS = 0.02
STOP_SECONDS = 20.0
"""How long a server that stops may take."""


@contextlib.contextmanager
def lock_for_change(data: Path) -> Iterator[None]:
    """Let one command at a time look for a running server, start or end it; waits for the others.

    Args:
        data: the data folder, which is created.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / CHANGE).open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def use_server(data: Path) -> Iterator[Callable[[], bool]]:
    """Be one of the programs that use the server; enter it inside of :func:`lock_for_change`.

    Yields:
        A function that returns whether no other program uses the server; call it inside of
        :func:`lock_for_change`.
    """
    with (data / USERS).open("a+b") as file:
        fcntl.lockf(file, fcntl.LOCK_SH)
        yield lambda: _try_lock_exclusively(file)


@contextlib.contextmanager
def lock_folder(data: Path, seconds: float = STOP_SECONDS) -> Iterator[None]:
    """Use a data folder alone; waits for a server that stops.

    Args:
        data: the data folder, which is created.
        seconds: how long to wait.

    Raises:
        LocalError: another server uses the folder.
    """
    deadline = time.monotonic() + seconds
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    while (file := _try_lock(data / SERVER)) is None:
        if read_server_file(data) is not None or time.monotonic() > deadline:
            raise _in_use_error(data)
        time.sleep(POLL_SECONDS)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # `reset` may have deleted it
    with file:
        if read_server_file(data) is not None:  # a server of a version without this lock
            raise _in_use_error(data)
        yield


def is_in_use(data: Path) -> bool:
    """Whether a server uses a data folder: it starts, runs or stops."""
    if read_server_file(data) is not None:
        return True
    try:
        with (data / SERVER).open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):
        return True
    return False


def _try_lock(path: Path) -> IO[bytes] | None:
    """Lock a file, which is created, and return it; None if another process has locked it."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("ab"))
        if not _try_lock_exclusively(file):
            return None
        try:
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return None  # the folder was deleted and created again
        except FileNotFoundError:
            return None
        stack.pop_all()
        return file


def _try_lock_exclusively(file: IO[bytes]) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, see fcntl(2)
        return False
    return True


def _in_use_error(data: Path) -> LocalError:
    return LocalError(f"{data}: another server uses this folder; stop it first: azureml-local stop")
