"""Run one process of a step: read its output by line, apply a timeout, end it in order.

A background process of a step does not delay the next step; it is killed at the end of the job, as
the agent does.
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
from pipelines_local.run.cancellation import Cancellation

JOB_MARK = "VSTS_PROCESS_LOOKUP_ID"
"""The environment variable by which the agent too finds the processes of a job."""
POLL = 0.1
MAX_LINE = 1_000_000
# The agent too waits these times after SIGINT and SIGTERM.
SIGINT_SECONDS, SIGTERM_SECONDS = 7.5, 2.5


class TimedOut(Exception):
    """The process exceeded its timeout."""


class Stopped(Exception):
    """The process was ended because its run or job was cancelled."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    cancellation: Cancellation,
    deadline: float | None = None,
    on_stderr: Callable[[], None] | None = None,
) -> int:
    """Run a process to its end.

    Args:
        argv: program and arguments.
        cwd: working directory.
        env: all environment variables.
        on_line: called with each line of output, without the line end.
        cancellation: ends the process when requested.
        deadline: seconds of the monotonic clock; None for no timeout.
        on_stderr: called for each output on standard error.

    Returns:
        The exit code; negative for a signal.

    Raises:
        TimedOut: the deadline passed.
        Stopped: the run or job was cancelled.
        OSError: the process cannot be started.
    """
    process = child_processes.spawn(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if on_stderr else subprocess.STDOUT,
    )

    def check() -> None:
        if cancellation.requested:
            raise Stopped
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut

    output = _Output(process, on_line, on_stderr)
    try:
        output.read(check)
        return process.wait()
    except (Stopped, TimedOut):
        _terminate(process, output, cancellation)
        raise
    except BaseException:
        child_processes.end_group(process, 0.0)
        raise
    finally:
        output.close()


class _Output:
    """The output of a process, split into lines."""

    def __init__(
        self,
        process: subprocess.Popen[Any],
        on_line: Callable[[str], None],
        on_stderr: Callable[[], None] | None,
    ) -> None:
        self._process = process
        self._on_line = on_line
        self._on_stderr = on_stderr
        self._stderr = process.stderr.fileno() if process.stderr is not None else -1
        self._poller = select.poll()
        self._rest: dict[int, bytes] = {}
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                self._rest[stream.fileno()] = b""
                self._poller.register(stream, select.POLLIN | select.POLLHUP)

    def read(self, check: Callable[[], None]) -> None:
        """Read until the output is closed, or the process has ended and writes nothing more.

        ``check`` is called repeatedly and may raise an exception.
        """
        exited = False
        while self._rest:
            ready = self._poller.poll(POLL * 1000)
            check()
            for number, _ in ready:
                self._read_chunk(number)
            if not ready:
                if exited:
                    break
                exited = self._process.poll() is not None
        for rest in self._rest.values():
            if rest:
                self._on_line(_decode(rest))
        self._rest = dict.fromkeys(self._rest, b"")
        with _exit_waiter(self._process) as wait:  # it can run on with a closed output
            while self._process.poll() is None:
                check()
                wait()

    def _read_chunk(self, number: int) -> None:
        data = os.read(number, 65536)
        if data and number == self._stderr and self._on_stderr is not None:
            self._on_stderr()
        rest = _emit_lines(self._rest[number] + data, self._on_line)
        if data:
            self._rest[number] = rest
            return
        if rest:
            self._on_line(_decode(rest))
        self._poller.unregister(number)
        del self._rest[number]

    def close(self) -> None:
        """Close the pipes."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def _exit_waiter(process: subprocess.Popen[Any]) -> Iterator[Callable[[], None]]:
    """Yield a function that waits for the end of a process, for at most :data:`POLL` seconds.

    :meth:`subprocess.Popen.wait` with a timeout sleeps in a loop, which delays short steps; a file
    descriptor of the process does not.
    """

    def wait_by_polling() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL)

    if not hasattr(os, "pidfd_open") or process.poll() is not None:
        yield wait_by_polling
        return
    try:
        number = os.pidfd_open(process.pid)
    except OSError:  # an old kernel, or no free file descriptor
        yield wait_by_polling
        return
    poller = select.poll()
    poller.register(number, select.POLLIN)

    def wait_for_exit() -> None:
        poller.poll(POLL * 1000)

    try:
        yield wait_for_exit
    finally:
        os.close(number)


def _emit_lines(data: bytes, on_line: Callable[[str], None]) -> bytes:
    """Pass on complete lines; return the incomplete last one."""
    *lines, rest = data.split(b"\n")
    for line in lines:
        on_line(_decode(line))
    if len(rest) > MAX_LINE:
        on_line(_decode(rest))
        return b""
    return rest


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r")


def _terminate(process: subprocess.Popen[Any], output: _Output, cancellation: Cancellation) -> None:
    """End a process group with SIGINT, SIGTERM and SIGKILL; read the output until then."""
    for signum, seconds in ((signal.SIGINT, SIGINT_SECONDS), (signal.SIGTERM, SIGTERM_SECONDS)):
        _signal_group(process.pid, signum)
        until = time.monotonic() + seconds

        def check(until: float = until) -> None:
            if cancellation.forced or time.monotonic() > until:
                raise TimedOut

        with contextlib.suppress(TimedOut):
            output.read(check)
            break
    child_processes.end_group(process, 0.0)


def _signal_group(group: int, signum: int) -> None:
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return  # it has ended


def kill_job_processes(mark: str) -> int:
    """Kill all processes whose :data:`JOB_MARK` is ``mark``.

    Returns:
        The number of processes.
    """
    pids = _find_marked(mark)
    for signum, pause in ((signal.SIGTERM, 0.5), (signal.SIGKILL, 2.0)):
        remaining = pids if signum == signal.SIGTERM else _find_marked(mark)
        for pid in remaining:
            try:
                os.kill(pid, signum)
            except (ProcessLookupError, PermissionError):
                continue  # it has ended
        until = time.monotonic() + pause
        while remaining and time.monotonic() < until and (remaining := _find_marked(mark)):
            time.sleep(0.02)
        if not remaining:
            break
    return len(pids)


def _find_marked(mark: str) -> list[int]:
    entry = f"{JOB_MARK}={mark}".encode()
    if sys.platform != "linux":
        import psutil

        return [p.pid for p in psutil.process_iter(["environ"])
                if (p.info["environ"] or {}).get(JOB_MARK) == mark]  # fmt: skip
    pids = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - faster
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - faster
                    block = file.read()
            except OSError:  # it has ended, or belongs to another user
                continue
            if entry in block.split(b"\0"):
                pids.append(int(name))
    return pids
