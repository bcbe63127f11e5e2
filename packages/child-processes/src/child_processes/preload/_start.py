"""Starting a preloaded process that cannot outlive the process that starts it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import child_processes

GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Preloaded:
    """A preloaded process that was started here.

    Attributes:
        address: the socket to give to :func:`preload.popen`, in this process or another one.
    """

    address: Path
    _process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, and whatever of its copies still runs."""
        child_processes.end_group(self._process, grace=GRACE_SECONDS)
        shutil.rmtree(self.address.parent, ignore_errors=True)


def start(
    modules: Iterable[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path,
    idle: float | None = None,
) -> Preloaded | None:
    """Start a preloaded process; it accepts requests at once and answers after its imports.

    Args:
        modules: what to import, in this order; a name that is no module is left out, and so is one
            whose import fails: the program that needs it will say so itself.
        env: its environment, this process's by default.
        log: the file for what it and its imports print.
        idle: seconds after which it ends when it has no copy and nobody asks; None: never.

    Returns:
        The preloaded process; None where forking after imports is not safe, or where its socket
        cannot be made (a temporary folder with a path of more than 90 characters).
    """
    if sys.platform != "linux":
        return None
    # A socket's path has to be short, and nobody else may ask: a folder of this user alone.
    address = Path(tempfile.mkdtemp(prefix="preload-")) / "socket"
    log.parent.mkdir(parents=True, exist_ok=True)
    # Bound here: who has the address can ask at once, and is answered when there is an answer.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, log.open("ab") as file:
        try:
            listener.bind(os.fspath(address))
        except OSError:
            address.parent.rmdir()
            return None
        listener.listen()
        process = child_processes.spawn(
            [
                *(sys.executable, "-u", "-m", "child_processes.preload._server"),
                *(str(listener.fileno()), str(idle or 0), *modules),
            ],
            pass_fds=[listener.fileno()],
            cwd="/",  # what -m puts into sys.path: no folder of anybody's modules
            env=dict(os.environ if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    return Preloaded(address, process)
