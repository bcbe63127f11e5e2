"""What an owner calls: start a process that ends with it, or end one with all its children."""

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
"""What :func:`spawn` returns: an ordinary :class:`subprocess.Popen`."""

_lock = threading.Lock()
_owner: tuple[int, str] | None = None
_pipe: IO[bytes] | None = None


def _me(follow: int = 0) -> str:
    """This process's name as an owner; its guardian is started on the first call."""
    global _owner, _pipe
    with _lock:
        # A forked copy of an owner is another process: it needs a guardian of its own.
        if _owner is None or _owner[0] != os.getpid():
            name = uuid.uuid4().hex
            argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_guardian.py"))]
            argv += [name, str(GRACE_SECONDS)] + ([str(follow)] if follow else [])
            guardian = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # out of reach of a Ctrl-C and of the owner's own group
                cwd="/",
                # Without the marks of outer owners: their guardians must not end this one.
                env=strip(os.environ),
            )
            assert guardian.stdin is not None  # noqa: S101 - PIPE was asked for
            _owner, _pipe = (os.getpid(), name), guardian.stdin
        return _owner[1]


def follow_parent() -> None:
    """End this process, in order, when the process that started it is gone.

    To be called before anything else of this package, by a program whose parent is a mere shell
    of it (make, a launcher): the guardian sends SIGTERM when the parent has ended.
    """
    _me(follow=os.getppid())


def strip(env: Mapping[str, str]) -> dict[str, str]:
    """A copy of ``env`` without marks: for a process that is meant to outlive its starter."""
    return {name: value for name, value in env.items() if name != _marks.VARIABLE}


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A copy of ``env`` (this process's by default) that marks a child as ours."""
    base = dict(os.environ if env is None else env)
    outer = _marks.owners(os.environ.get(_marks.VARIABLE, ""))
    base[_marks.VARIABLE] = ":".join([*outer, _me()])
    return base


def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> subprocess.Popen[Any]:
    """Start ``argv`` in a process group of its own; it cannot outlive this process.

    Args:
        argv: program and arguments.
        env: its whole environment; this process's by default.
        options: as for :class:`subprocess.Popen`.

    Returns:
        The process. :func:`end_group` ends it with its children.

    Raises:
        OSError: the program cannot be started.
    """
    options.setdefault("process_group", 0)
    return subprocess.Popen([os.fspath(part) for part in argv], env=environment(env), **options)


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run ``argv`` to its end; when it is interrupted or times out, its group is ended.

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
    """A process that leads a group of its own: of :func:`spawn`, or one that is like it."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises :class:`subprocess.TimeoutExpired`."""


def end_group(process: Leader, grace: float = GRACE_SECONDS) -> int:
    """End a process of :func:`spawn` with its group: SIGTERM, ``grace`` seconds, then SIGKILL.

    Returns:
        The exit code (negative: the signal's number), also when it had ended before.
    """
    _kill_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _kill_group(process.pid, signal.SIGKILL)  # also children that outlived their leader
    return process.wait()


def _kill_group(pgid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, signum)
