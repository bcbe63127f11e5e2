"""Run folders: one new folder for each run, old ones are deleted.

A run locks its folder until it ends. A folder may be deleted if it is not locked and its run does
not wait for an approval.
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
from pipelines_local.disk_space import is_disk_full
from pipelines_local.errors import UsageError

KEEP = 5
DEFAULT_NAME = ".pipelines-local"
RESULT, STATE, LOCK, EXPANDED = "run.json", "state.json", "lock", "expanded.json"
RESERVED_NAMES = (
    "artifacts",
    "coverage",
    "lock",
    "logs",
    "python",
    "repositories",
    "sources",
    "summaries",
    "tests",
)
"""Names in a run folder that cannot be used for the workspace of a job."""


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.artifacts = path / "artifacts"
        self.logs = path / "logs"
        self.repositories = path / "repositories"
        self.sources = path / "sources"
        self.summaries = path / "summaries"
        self._lock: IO[str] | None = None

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.path.name

    def lock(self) -> bool:
        """Lock the folder; False if a running process has locked it."""
        file = (self.path / LOCK).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        return True

    def unlock(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def workspace(self, stage: str, job: str, hook: str = "") -> Path:
        """Return the workspace of a job; without the stage if the pipeline has no stages.

        Args:
            stage: the stage.
            job: the job.
            hook: a lifecycle hook of a deployment job with several of them.
        """
        job_only = stage == "__default" and job.lower() not in RESERVED_NAMES
        name = job if job_only else f"{stage}.{job}"
        return self.path / (f"{name}.{hook}" if hook else name)

    def log_path(self, stage: str, job: str, number: int, display: str) -> Path:
        """Return the log file of a step; its folder is created."""
        folder = self.logs / stage / job
        folder.mkdir(parents=True, exist_ok=True)
        name = "".join(char if char.isalnum() or char in "-." else "_" for char in display)
        return folder / f"{number:02d}-{name[:60]}.log"

    def read_result(self) -> dict[str, Any]:
        """Return the stored result; empty if the run has none yet."""
        result = files.read_json(self.path / RESULT)
        return result if isinstance(result, dict) else {}


def create_run(work: Path) -> RunFolder:
    """Create and lock the folder of a new run; git ignores the default folder and a new one.

    Raises:
        UsageError: the working folder cannot be written.
    """
    # Names sort by time, also for runs that start in the same second.
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
    folder = RunFolder(work / f"{stamp}-{uuid.uuid4().hex[:6]}")
    is_own = not work.exists() or work.name == DEFAULT_NAME
    try:
        for path in (folder.artifacts, folder.logs, folder.summaries):
            path.mkdir(parents=True)
        if is_own and not (work / ".gitignore").exists():
            files.write_text(work / ".gitignore", "*\n")
    except OSError as error:
        if is_disk_full(error):
            raise
        raise UsageError("work-dir", f"{work}: cannot be written ({error.strerror})") from None
    folder.lock()
    return folder


def open_run(work: Path, run: str) -> RunFolder:
    """Open and lock the folder of an earlier run.

    Raises:
        UsageError: there is no such run, or it is still running.
    """
    folder = RunFolder(work / run)
    if not run or "/" in run or not (folder.path / STATE).is_file():
        waiting = [f.run for f in list_runs(work) if f.read_result().get("result") == "Waiting"]
        names = ", ".join(waiting) or "none"
        raise UsageError("unknown-run", f"no run {run!r} in {work} (waiting runs: {names})")
    if not folder.lock():
        raise UsageError("active-run", f"the run {run} is still running")
    return folder


def list_runs(work: Path) -> Iterator[RunFolder]:
    """Iterate over all runs, the newest first."""
    if work.is_dir():
        for path in sorted(work.iterdir(), reverse=True):
            if (path / LOCK).is_file():
                yield RunFolder(path)


def list_ended_runs(work: Path) -> Iterator[Path]:
    """Iterate over the folders of runs that do not run and do not wait, the newest first."""
    for folder in list_runs(work):
        if folder.read_result().get("result") != "Waiting" and folder.lock():
            folder.unlock()
            yield folder.path


def delete_old_runs(work: Path, keep: int = KEEP) -> None:
    """Delete old runs.

    Keeps the newest runs, running and waiting ones, and the last successful one of each pipeline.
    """
    pipelines: set[str] = set()
    for number, folder in enumerate(list_runs(work)):
        result = folder.read_result()
        pipeline = str(result.get("pipeline", ""))
        succeeded = result.get("result") in ("Succeeded", "SucceededWithIssues")
        is_last_success = succeeded and pipeline not in pipelines
        if is_last_success:
            pipelines.add(pipeline)
        if number < keep or is_last_success or result.get("result") == "Waiting":
            continue
        if folder.lock():
            with contextlib.suppress(OSError):  # a later run tries again
                shutil.rmtree(folder.path)
            folder.unlock()


def next_number(work: Path, key: str, seed: int) -> int:
    """Return the next number of a counter that all runs in ``work`` share."""
    path = work / "counters.json"
    with files.lock_file(work / "counters.lock"):
        counters = files.read_json(path)
        counters = counters if isinstance(counters, dict) else {}
        number = int(counters[key]) + 1 if key in counters else seed
        files.write_json(path, {**counters, key: number})
    return number
