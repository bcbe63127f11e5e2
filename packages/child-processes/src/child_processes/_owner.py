"""Start a process that ends with this one, or terminate one with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from child_processes import _marks

GRACE_SECONDS = 3.0
Process = subprocess.Popen
"""The type that :func:`spawn` returns."""

_lock = threading.Lock()
_owner: str | None = None
_pipe: IO[bytes] | None = None


def _me(follow: int = 0) -> str:
    """This process's id as an owner; the first call starts its guardian."""
    global _owner, _pipe
    with _lock:
        if _owner is None:
            name = uuid.uuid4().hex
            argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_guardian.py"))]
            argv += [name, str(GRACE_SECONDS)] + ([str(follow)] if follow else [])
            guardian = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C and signals to the owner's group do not reach it
                cwd="/",
                # Without the marks of outer owners, so that their guardians do not terminate it.
                env=strip(os.environ),
            )
            assert guardian.stdin is not None  # noqa: S101 - because of PIPE
            _owner, _pipe = name, guardian.stdin
        return _owner


def _forget_guardian() -> None:
    """In a fork of an owner, which is another owner: close its copy of the pipe to the guardian.

    Else the pipe would stay open until the fork ends, and the guardian would wait for it.
    """
    global _lock, _owner, _pipe
    _lock = threading.Lock()  # another thread may have held it during the fork
    if _pipe is not None:
        _pipe.close()
    _owner = _pipe = None


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_forget_guardian)


def follow_parent() -> None:
    """Terminate this process with SIGTERM when its parent process ends.

    For programs whose parent is a launcher such as make. Call it before all other functions of
    this package.
    """
    _me(follow=os.getppid())


def strip(env: Mapping[str, str]) -> dict[str, str]:
    """A copy of ``env`` without marks, for a process that must outlive this one."""
    return {name: value for name, value in env.items() if name != _marks.VARIABLE}


def environment(env: Mapping[str, str] | None = None, mark: str = "") -> dict[str, str]:
    """A copy of ``env`` (this process's by default) with the mark of this owner.

    Args:
        env: environment variables.
        mark: another mark, for :func:`end_marked`.
    """
    base = dict(os.environ if env is None else env)
    outer = _marks.owners(os.environ.get(_marks.VARIABLE, ""))
    base[_marks.VARIABLE] = ":".join([*outer, _me(), *([mark] if mark else [])])
    return base


def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    mark: str = "",
    **options: Any,
) -> subprocess.Popen[Any]:
    """Start ``argv`` in its own process group; it cannot outlive this process.

    Args:
        argv: program and arguments.
        env: its environment; this process's by default.
        mark: a unique text without colons, by which :func:`end_marked` finds its children.
        options: as for :class:`subprocess.Popen`.

    Returns:
        The process. :func:`end_group` terminates it with its children.

    Raises:
        OSError: the program cannot be started.
    """
    options.setdefault("process_group", 0)
    return subprocess.Popen(
        [os.fspath(part) for part in argv], env=environment(env, mark), **options
    )


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run ``argv`` and wait for it; on an interrupt or a timeout, its group is terminated.

    Raises:
        OSError: the program cannot be started.
        subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
    """
    with spawn(argv, env=env, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            end_group(process)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Leader(Protocol):
    """A process that leads its own process group, such as one of :func:`spawn`."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its exit code; raises :class:`subprocess.TimeoutExpired`."""


def end_group(process: Leader, grace: float = GRACE_SECONDS) -> int:
    """Terminate a process with its group: SIGTERM, ``grace`` seconds, then SIGKILL.

    Returns:
        The exit code (negative: the number of the signal), also if it had already ended.
    """
    _kill_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _kill_group(process.pid, signal.SIGKILL)  # also children that outlive their leader
    return process.wait()


def _kill_group(pgid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signum)
