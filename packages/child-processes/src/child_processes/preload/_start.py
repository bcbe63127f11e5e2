"""Starts a preloaded process that cannot outlive this process."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import child_processes
from child_processes.preload._client import Process, Refused, popen
from child_processes.preload._protocol import LATER

GRACE_SECONDS = 1.0
IMPORT_SECONDS = 180.0
"""How long the imports of a parent may take on a busy machine."""
PROGRAM = "child_processes.preload._server"


@dataclass(frozen=True)
class Preloaded:
    """A preloaded process.

    Attributes:
        address: the socket for :func:`preload.popen`, also in other processes.
    """

    address: Path
    _process: subprocess.Popen[bytes] | Process

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Terminate it and its forks."""
        child_processes.end_group(self._process, grace=GRACE_SECONDS)
        shutil.rmtree(self.address.parent, ignore_errors=True)


def start(
    modules: Iterable[str],
    *,
    later: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path,
    idle: float | None = None,
    parent: Path | None = None,
) -> Preloaded | None:
    """Start a preloaded process. It accepts requests at once and handles them between imports.

    Args:
        modules: the modules to import, in this order; the function of ``module:function`` is called
            after the import. A missing module, or one whose import fails, is left out: the program
            that needs it reports the error.
        later: modules to import after them when a process needs all modules.
        env: its environment; this process's by default.
        log: the file for its output.
        idle: seconds without forks and requests after which it exits; None: never.
        parent: the address of another preloaded process. Where possible, the new process is a
            fork of it and has its first modules imported; the call waits for these imports.

    Returns:
        The preloaded process. None if a fork after imports is not safe on this system, or if the
        path of the temporary folder is too long for a socket (more than 90 characters).
    """
    if sys.platform != "linux":
        return None
    # A short path, because socket paths are limited, in a folder that only this user can open.
    log.parent.mkdir(parents=True, exist_ok=True)
    # Bound here, so that clients can connect at once.
    with (
        log.open("ab") as file,
        _socket_folder() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        address = folder / "socket"
        try:
            listener.bind(os.fspath(address))
        except OSError:
            folder.rmdir()
            return None
        listener.listen()
        names = [str(idle or 0), *modules, LATER, *later]
        variables = dict(os.environ if env is None else env)
        process: subprocess.Popen[bytes] | Process | None = None
        if parent is not None:
            with contextlib.suppress(Refused):  # the parent's log has the reason
                process = _fork(parent, listener, names, variables, file.fileno())
        if process is None:
            process = child_processes.spawn(
                [sys.executable, "-u", "-m", PROGRAM, str(listener.fileno()), *names],
                pass_fds=[listener.fileno()],
                cwd="/",  # -m adds it to sys.path, and it has no modules
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
    return Preloaded(address, process)


def _fork(
    parent: Path, listener: socket.socket, names: list[str], env: dict[str, str], log: int
) -> Process:
    """Let another preloaded process fork one, which gets the socket as its input.

    Raises:
        Refused: it cannot.
    """
    return popen(
        parent, [sys.executable, "-m", PROGRAM, "0", *names],
        env=env, cwd="/", stdin=listener.fileno(), stdout=log, stderr=log,
        imports="first", timeout=IMPORT_SECONDS,
    )  # fmt: skip


@contextlib.contextmanager
def _socket_folder() -> Iterator[Path]:
    """A new folder with a short path; removed after an exception."""
    folder = Path(tempfile.mkdtemp(prefix="preload-"))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_programs(folder: Path, address: Path, requires: Iterable[str]) -> None:
    """Write programs ``python`` and ``python3`` that run the code of their caller as forks.

    For a script, or for a module in the working folder, the program asks the preloaded process for
    a fork. Everything else, and what the preloaded process refuses, it runs with this interpreter.

    Args:
        folder: for the programs; put it first on the PATH.
        address: of the preloaded process.
        requires: packages that the code must import itself; see :func:`preload.popen`.
    """
    # -I -S: it imports the standard library only, and nothing of the working folder.
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_program.py"))]
    line = shlex.join([*command, str(address), " ".join(requires), sys.executable])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        file = folder / f".{name}"
        file.write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
        file.chmod(0o700)
        file.replace(folder / name)
