"""The process that starts the processes of a distributed job: ``launcher.py SPEC_FILE``.

It ends the other processes when one fails, and it ends with the exit code of the failed one. It
runs in isolated mode, so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_SECONDS = 0.05
GRACE_SECONDS = 5.0
"""How long processes may take to end after SIGTERM."""


@dataclass(frozen=True)
class Process:
    """A process to start, with its log and the variables that the others do not have."""

    command: list[str]
    log: str
    variables: dict[str, str]
    is_server: bool = False
    """Whether it runs until the others have ended, as parameter servers do."""


def write_spec(file: Path, processes: list[Process], report: str) -> None:
    """Write the file that the launcher reads and removes.

    It is not an argument, because many processes are longer than an argument may be.
    """
    spec = {"processes": [asdict(each) for each in processes], "report": report}
    file.write_text(json.dumps(spec), encoding="utf-8")


def main(argv: list[str]) -> int:
    """Run the processes of the specification; returns 0 or the exit code of the failed process."""
    file = Path(argv[1])
    spec = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    processes = [Process(**each) for each in spec["processes"]]
    # The group's SIGTERM is for the processes: the launcher waits until they have ended.
    signal.signal(signal.SIGTERM, lambda signum, frame: None)
    running = [_start(each) for each in processes]
    code = _wait(processes, running, Path(spec["report"]))
    _end(running)
    return code


def _start(process: Process) -> subprocess.Popen[bytes]:
    with Path(process.log).open("ab") as log:
        return subprocess.Popen(
            process.command,
            env={**os.environ, **process.variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _wait(processes: list[Process], running: list[subprocess.Popen[bytes]], report: Path) -> int:
    """Wait until a process has failed, or all but the servers have ended."""
    while True:
        codes = [each.poll() for each in running]
        failed = next((rank for rank, code in enumerate(codes) if code), None)
        if failed is not None:
            code = codes[failed] or 1
            code = code if code > 0 else 128 - code  # ended by a signal
            if not report.exists():  # mpirun's processes write it themselves
                report.write_text(f"{code}\n{processes[failed].log}\n", encoding="utf-8")
            return code
        ended = (code is not None for code in codes)
        if all(done or each.is_server for done, each in zip(ended, processes, strict=True)):
            return 0
        time.sleep(POLL_SECONDS)


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    """End the processes that still run, and those that they have started."""
    if all(each.poll() is not None for each in running):
        return
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(each.poll() is None for each in running):
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
