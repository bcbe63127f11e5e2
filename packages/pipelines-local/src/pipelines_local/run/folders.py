"""The folders of runs: each run has a new one, so a killed run never stands in a later one's way.

A run holds the lock of its folder as long as it lives; a folder whose lock is free and that does
not wait for an approval may be cleared away.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pipelines_local import files
from pipelines_local.errors import UsageError

KEEP = 5
RESULT, STATE, LOCK, EXPANDED = "run.json", "state.json", "lock", "expanded.json"
OWN = ("artifacts", "coverage", "lock", "logs", "sources", "summaries", "tests")
"""What lies in a run's folder beside the workspaces; a job can have such a name too."""


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.artifacts = path / "artifacts"
        self.logs = path / "logs"
        self.sources = path / "sources"
        self.summaries = path / "summaries"
        self._lock: IO[str] | None = None

    @property
    def run(self) -> str:
        """The run's id."""
        return self.path.name

    def hold(self) -> bool:
        """Take the folder's lock; False when a living run has it."""
        file = (self.path / LOCK).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        return True

    def release(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def job(self, stage: str, job: str) -> Path:
        """The workspace of a job; a pipeline without stages has only jobs."""
        plain = stage == "__default" and job.lower() not in OWN
        return self.path / (job if plain else f"{stage}.{job}")

    def result(self) -> dict[str, Any]:
        """The stored result; empty when the run did not come to one."""
        found = files.read_json(self.path / RESULT)
        return found if isinstance(found, dict) else {}


def new_run(work: Path) -> RunFolder:
    """A new folder for a run, held.

    Raises:
        UsageError: the working folder cannot be written.
    """
    # Names sort by time, also those of runs that begin in the same second.
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
    folder = RunFolder(work / f"{stamp}-{uuid.uuid4().hex[:6]}")
    try:
        for path in (folder.artifacts, folder.logs, folder.summaries):
            path.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{work}: cannot be written ({error.strerror})") from None
    folder.hold()
    return folder


def existing(work: Path, run: str) -> RunFolder:
    """The folder of an earlier run, held.

    Raises:
        UsageError: there is none, or it is still running.
    """
    folder = RunFolder(work / run)
    if not run or "/" in run or not (folder.path / STATE).is_file():
        waiting = [f.run for f in runs(work) if f.result().get("result") == "Waiting"]
        hint = f"; waiting: {', '.join(waiting)}" if waiting else "; none is waiting"
        raise UsageError(f"no run {run!r} in {work}{hint}")
    if not folder.hold():
        raise UsageError(f"the run {run} is still going on")
    return folder


def runs(work: Path) -> Iterator[RunFolder]:
    """All runs, the newest first."""
    if work.is_dir():
        for path in sorted(work.iterdir(), reverse=True):
            if (path / LOCK).is_file():
                yield RunFolder(path)


def clear_away(work: Path, keep: int = KEEP) -> None:
    """Remove old runs: not the last ones, none that lives or waits, and no pipeline's last good."""
    good: set[str] = set()
    for number, folder in enumerate(runs(work)):
        found = folder.result()
        pipeline = str(found.get("pipeline", ""))
        is_last_good = found.get("result") in ("Succeeded", "SucceededWithIssues")
        is_last_good = is_last_good and pipeline not in good
        if is_last_good:
            good.add(pipeline)
        if number < keep or is_last_good or found.get("result") == "Waiting":
            continue
        if folder.hold():
            with contextlib.suppress(OSError):  # what cannot be removed now goes with a later run
                shutil.rmtree(folder.path)
            folder.release()


def next_number(work: Path, key: str, seed: int) -> int:
    """The next number of a counter that all runs in ``work`` share."""
    path = work / "counters.json"
    with files.locked(work / "counters.lock"):
        counters = files.read_json(path)
        counters = counters if isinstance(counters, dict) else {}
        number = int(counters[key]) + 1 if key in counters else seed
        files.write_json(path, {**counters, key: number})
    return number
