"""Starting a zygote, tethered to the process that starts it."""

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

import tether

GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Zygote:
    """A zygote that was started here.

    Attributes:
        address: the socket to give to :func:`zygote.popen`, in this process or another one.
    """

    address: Path
    _process: subprocess.Popen[bytes]

    @property
    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, and whatever of its copies still runs."""
        tether.end_group(self._process, grace=GRACE_SECONDS)
        shutil.rmtree(self.address.parent, ignore_errors=True)


def start(
    modules: Iterable[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path,
    idle: float | None = None,
) -> Zygote | None:
    """Start a zygote; it is asked through its address from now on, while it still imports.

    Args:
        modules: what to import, in this order; a name that is no module is left out, and so is one
            whose import fails: the program that needs it will say so itself.
        env: its environment, this process's by default.
        log: the file for what it and its imports print.
        idle: seconds after which it ends when it has no copy and nobody asks; None: never.

    Returns:
        The zygote; None where a process must not be forked after it has imported much, or where
        its socket cannot be made (a temporary folder with a path of more than 90 characters).
    """
    if sys.platform != "linux":
        return None
    # A socket's path has to be short, and nobody else may ask: a folder of this user alone.
    address = Path(tempfile.mkdtemp(prefix="zygote-")) / "socket"
    log.parent.mkdir(parents=True, exist_ok=True)
    # Bound here: who has the address can ask at once, and is answered when there is an answer.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, log.open("ab") as file:
        try:
            listener.bind(os.fspath(address))
        except OSError:
            address.parent.rmdir()
            return None
        listener.listen()
        process = tether.spawn(
            [
                *(sys.executable, "-u", "-m", "zygote._server"),
                *(str(listener.fileno()), str(idle or 0), *modules),
            ],
            pass_fds=[listener.fileno()],
            cwd="/",  # what -m puts into sys.path: no folder of anybody's modules
            env=dict(os.environ if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    return Zygote(address, process)
