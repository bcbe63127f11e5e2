"""Runs one program of a step: its lines as they come, a limit of time, an end in order.

A step that leaves something running in the background does not hold up the next one; what is
left is ended with the job, as the agent does.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import child_processes
from pipelines_local.run.cancel import Cancel

JOB_MARK = "VSTS_PROCESS_LOOKUP_ID"
"""The agent's own name for the variable by which it finds what a job left behind."""
POLL = 0.1
MAX_LINE = 1_000_000
# What the agent does too: ask, insist, end.
ASK_SECONDS, INSIST_SECONDS = 7.5, 2.5


class TimedOut(Exception):
    """The program took longer than it may."""


class Stopped(Exception):
    """The program was ended because its run or job was cancelled."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    line: Callable[[str], None],
    cancel: Cancel,
    deadline: float | None = None,
    stderr_seen: Callable[[], None] | None = None,
) -> int:
    """Run a program to its end.

    Args:
        argv: program and arguments.
        cwd: where it starts.
        env: its whole environment.
        line: gets every line of output, without its end.
        cancel: when requested, the program is ended.
        deadline: on the monotonic clock, seconds; None for none.
        stderr_seen: told when anything comes on standard error.

    Returns:
        The exit code; negative for a signal.

    Raises:
        TimedOut: the deadline passed.
        Stopped: it was cancelled.
        OSError: it cannot be started.
    """
    process = child_processes.spawn(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr_seen else subprocess.STDOUT,
    )

    def check() -> None:
        if cancel.requested:
            raise Stopped
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut

    output = _Output(process, line, stderr_seen)
    try:
        output.read(check)
        return process.wait()
    except (Stopped, TimedOut):
        _end_in_order(process, output, cancel)
        raise
    except BaseException:
        child_processes.end_group(process, 0.0)
        raise
    finally:
        output.close()


class _Output:
    """What a program writes, cut into lines."""

    def __init__(
        self,
        process: subprocess.Popen[Any],
        line: Callable[[str], None],
        stderr_seen: Callable[[], None] | None,
    ) -> None:
        self._process = process
        self._line = line
        self._stderr_seen = stderr_seen
        self._errors = process.stderr.fileno() if process.stderr is not None else -1
        self._poller = select.poll()
        self._rest: dict[int, bytes] = {}
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                self._rest[stream.fileno()] = b""
                self._poller.register(stream, select.POLLIN | select.POLLHUP)

    def read(self, check: Callable[[], None]) -> None:
        """Read until the output ends, or until the program has ended and is silent.

        ``check`` is called again and again, and may raise.
        """
        silent = False
        while self._rest:
            ready = self._poller.poll(POLL * 1000)
            check()
            for number, _ in ready:
                self._take(number)
            if not ready:
                if silent:
                    break
                silent = self._process.poll() is not None
        for rest in self._rest.values():
            if rest:
                self._line(_text(rest))
        self._rest = dict.fromkeys(self._rest, b"")
        with _end_of(self._process) as waits:  # its output is closed: it ends now, or goes on
            while self._process.poll() is None:
                check()
                waits()

    def _take(self, number: int) -> None:
        data = os.read(number, 65536)
        if data and number == self._errors and self._stderr_seen is not None:
            self._stderr_seen()
        rest = _lines(self._rest[number] + data, self._line)
        if data:
            self._rest[number] = rest
            return
        if rest:
            self._line(_text(rest))
        self._poller.unregister(number)
        del self._rest[number]

    def close(self) -> None:
        """Close the pipes."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def _end_of(process: subprocess.Popen[Any]) -> Iterator[Callable[[], None]]:
    """Something to call that comes back at the end of a program, or after :data:`POLL` seconds.

    :meth:`subprocess.Popen.wait` with a limit of time sleeps and looks, which a step that does
    nothing feels; Linux tells of the end by itself.
    """

    def look() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL)

    if not hasattr(os, "pidfd_open") or process.poll() is not None:
        yield look
        return
    try:
        number = os.pidfd_open(process.pid)
    except OSError:  # an old kernel, or no more room for files
        yield look
        return
    poller = select.poll()
    poller.register(number, select.POLLIN)

    def told() -> None:
        poller.poll(POLL * 1000)

    try:
        yield told
    finally:
        os.close(number)


def _lines(data: bytes, line: Callable[[str], None]) -> bytes:
    """Hand out whole lines; what is left of the last one comes back."""
    *whole, rest = data.split(b"\n")
    for one in whole:
        line(_text(one))
    if len(rest) > MAX_LINE:
        line(_text(rest))
        return b""
    return rest


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r")


def _end_in_order(process: subprocess.Popen[Any], output: _Output, cancel: Cancel) -> None:
    """End a program with its group: asked, then told, then killed; its last words are read."""
    for signum, seconds in ((signal.SIGINT, ASK_SECONDS), (signal.SIGTERM, INSIST_SECONDS)):
        _signal(process.pid, signum)
        until = time.monotonic() + seconds

        def check(until: float = until) -> None:
            if cancel.forced or time.monotonic() > until:
                raise TimedOut

        with contextlib.suppress(TimedOut):
            output.read(check)
            break
    child_processes.end_group(process, 0.0)


def _signal(group: int, signum: int) -> None:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return  # ended meanwhile


def end_marked(mark: str) -> int:
    """End everything that still carries a job's mark.

    Returns:
        How many processes there were.
    """
    pids = _marked(mark)
    for signum, pause in ((signal.SIGTERM, 0.5), (signal.SIGKILL, 2.0)):
        left = pids if signum == signal.SIGTERM else _marked(mark)
        for pid in left:
            try:
                os.kill(pid, signum)
            except (ProcessLookupError, PermissionError):
                continue  # ended meanwhile
        until = time.monotonic() + pause
        while left and time.monotonic() < until and (left := _marked(mark)):
            time.sleep(0.02)
        if not left:
            break
    return len(pids)


def _marked(mark: str) -> list[int]:
    entry = f"{JOB_MARK}={mark}".encode()
    if sys.platform != "linux":
        import psutil

        return [p.pid for p in psutil.process_iter(["environ"])
                if (p.info["environ"] or {}).get(JOB_MARK) == mark]  # fmt: skip
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - faster
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - faster
                    block = file.read()
            except OSError:  # ended meanwhile, or another user's
                continue
            if entry in block.split(b"\0"):
                found.append(int(name))
    return found
