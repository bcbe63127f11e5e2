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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tether
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
    process = tether.spawn(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr_seen else subprocess.STDOUT,
    )
    try:
        _pump(process, line, cancel, deadline, stderr_seen)
        return process.wait()
    except BaseException:
        end(process, at_once=cancel.forced)
        raise
    finally:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _pump(
    process: subprocess.Popen[Any],
    line: Callable[[str], None],
    cancel: Cancel,
    deadline: float | None,
    stderr_seen: Callable[[], None] | None,
) -> None:
    """Read until the end of output, or until the program ended and is silent."""
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    streams = {process.stdout.fileno(): b""}
    errors = process.stderr.fileno() if process.stderr is not None else -1
    if errors >= 0:
        streams[errors] = b""
    poller = select.poll()
    for number in streams:
        poller.register(number, select.POLLIN | select.POLLHUP)
    silent = False
    while streams:
        ready = poller.poll(POLL * 1000)
        if cancel.requested:
            raise Stopped
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut
        for number, _ in ready:
            data = os.read(number, 65536)
            if data and number == errors and stderr_seen is not None:
                stderr_seen()
            rest = _lines(streams[number] + data, line)
            if data:
                streams[number] = rest
                continue
            if rest:
                line(_text(rest))
            poller.unregister(number)
            del streams[number]
        if not ready:
            if silent:
                break
            silent = process.poll() is not None
    for rest in streams.values():
        if rest:
            line(_text(rest))
    while process.poll() is None:  # it closed its output and goes on
        if cancel.requested:
            raise Stopped
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut
        try:
            process.wait(POLL)
        except subprocess.TimeoutExpired:
            continue


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


def end(process: subprocess.Popen[Any], *, at_once: bool = False) -> None:
    """End a program with its group: asked, then told, then killed."""
    if not at_once:
        _signal(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ASK_SECONDS)
    tether.end_group(process, 0.0 if at_once else INSIST_SECONDS)


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
