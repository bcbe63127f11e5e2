"""The process of a batch scoring job: ``python -m azureml_local.batch.driver SPEC``.

It distributes mini-batches to worker processes, which load the model once. A mini-batch is retried
when it raises an error, times out or ends its process. After the last retry its files count against
``error_threshold``; above the threshold the job fails without output.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_local.documents.scoring import BatchContent, ScoringSpec
from azureml_local.scoring.frames import CHUNK_BYTES, FrameReader, pack_frame
from child_processes import preload

PRELOADED_PROCESS = "AZUREML_LOCAL_PRELOADED_PROCESS"
"""The variable with the address of the preloaded process, which workers are forks of."""

SCORER = ("model", "code", "script", "entry_script", "arguments", "logging_level", "table")
"""The fields of the specification that a worker needs."""
START_SECONDS = 300.0
END_SECONDS = 0.5
EXIT_SECONDS = 60.0
"""How long a process that has closed its socket may take to exit."""
SUFFIXES = (".csv", ".parquet")
"""The files that an MLflow model without code scores; a script gets every file."""


@dataclass(frozen=True)
class MiniBatch:
    """What a worker scores in one call: its content in JSON, and the number of files or rows."""

    content: BatchContent
    count: int


class WorkerEnded(Exception):
    """The worker process has ended."""


class WorkerNotReady(Exception):
    """The worker process cannot load the model or the script; empty if it has logged the error."""


class Worker:
    """A worker process and the socket to it."""

    def __init__(self, spec: ScoringSpec, spec_file: Path) -> None:
        """Start the process, which reads ``spec_file``.

        Raises:
            OSError: it cannot be started.
            WorkerNotReady: it ended before it was ready, or was not ready in time.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = _start_process(spec, spec_file, theirs.fileno())
        try:
            self._read_frame(START_SECONDS)
        except TimeoutError as error:
            self.end()
            raise WorkerNotReady(f"the worker process is not ready: {error}") from None
        except WorkerEnded:
            self.end(EXIT_SECONDS)  # it may still write a traceback
            code = self.process.returncode
            # After an exception, its traceback is the end of the log.
            reason = "" if code == 1 else f"the worker process ended with exit code {code}"
            raise WorkerNotReady(reason) from None

    def score(self, content: BatchContent, part: str, seconds: float) -> tuple[int, int, str]:
        """Score a mini-batch; returns the counts of scored and failed items, and the error if any.

        Raises:
            TimeoutError: it takes longer than ``seconds``.
            WorkerEnded: the process ended.
        """
        try:
            self._socket.sendall(pack_frame([content, part], b""))
        except OSError:
            raise WorkerEnded("the worker process had ended") from None
        good, bad, error = self._read_frame(seconds)
        return good, bad, error

    def _read_frame(self, seconds: float) -> Any:
        self._socket.settimeout(seconds)
        buffer = FrameReader()
        while True:
            try:
                chunk = self._socket.recv(CHUNK_BYTES)
            except TimeoutError:
                raise TimeoutError(f"it took longer than {seconds:g} s") from None
            except OSError:
                chunk = b""
            if not chunk:
                raise WorkerEnded("the worker process ended")
            frame = buffer.feed(chunk)
            if frame is not None:
                return frame[0]

    def end(self, seconds: float = END_SECONDS) -> None:
        """End the process; kill it if it still runs after ``seconds``."""
        self._socket.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def _start_process(
    spec: ScoringSpec, spec_file: Path, stdin: int
) -> subprocess.Popen[bytes] | preload.Process:
    python = spec.get("python") or sys.executable
    command = [python, "-m", "azureml_local.batch.worker", str(spec_file)]
    env = {**os.environ, **spec["environment"]}
    address = os.environ.get(PRELOADED_PROCESS)
    # A script and another interpreter start without preloaded imports.
    if address and not spec.get("script") and not spec.get("python"):
        with contextlib.suppress(preload.Refused):  # its log has the reason
            return preload.popen(address, command, env=env, stdin=stdin)
    # In the job's own process group, so that it ends with the job.
    return subprocess.Popen(command, cwd=spec.get("code") or None, stdin=stdin, env=env)


class ScoringRun:
    """The mini-batches of one job and their results."""

    def __init__(self, spec: ScoringSpec, batches: list[MiniBatch], parts: Path) -> None:
        self.count = len(batches)
        self.scored = self.failed = self.failed_batches = 0
        self._stopped = False
        self._spec = spec
        # In a file, because a table of many files is longer than an argument may be.
        self._spec_file = (parts / "worker.json").absolute()
        scorer = {key: value for key, value in spec.items() if key in SCORER and value}
        self._spec_file.write_text(json.dumps(scorer), encoding="utf-8")
        self._parts = parts
        self._waiting = deque(enumerate(batches))
        self._lock = threading.Lock()

    @property
    def exceeded_threshold(self) -> str:
        """The threshold that is exceeded, with its value; empty if none is."""
        percent = 100 * self.failed_batches / self.count
        spec = self._spec
        for name, most, failed in (
            ("error_threshold", spec.get("error_threshold", -1), self.failed),
            (
                "mini_batch_error_threshold",
                spec.get("mini_batch_error_threshold", -1),
                self.failed_batches,
            ),
            ("allowed_failed_percent", spec.get("allowed_failed_percent", -1), percent),
        ):
            if 0 <= most < failed:
                return f"{name} is {most}"
        return ""

    def run(self) -> None:
        """Score all mini-batches, or stop when the job has failed.

        Raises:
            WorkerNotReady: a worker cannot load the model or the script.
            Exception: any other error of a thread.
        """
        count = min(self.count, self._spec["processes"])
        with ThreadPoolExecutor(count) as pool:
            threads = [pool.submit(self._score_batches) for _ in range(count)]
        for thread in threads:
            thread.result()

    def part_file(self, index: int) -> Path:
        """The file with the output lines of a mini-batch."""
        return self._parts / f"{index}.part"

    def _score_batches(self) -> None:
        worker: Worker | None = None
        try:
            while not self.exceeded_threshold and not self._stopped:
                with self._lock:
                    if not self._waiting:
                        break
                    index, batch = self._waiting.popleft()
                worker = self._score_batch(worker, index, batch)
        except BaseException:
            self._stopped = True  # the other threads do not start another mini-batch
            raise
        finally:
            if worker is not None:
                worker.end(self._spec.get("end_seconds", END_SECONDS))

    def _score_batch(self, worker: Worker | None, index: int, batch: MiniBatch) -> Worker | None:
        """Score one mini-batch with its retries; returns the worker if it still runs."""
        part = str(self.part_file(index)) if self._spec["append_row"] else ""
        good, bad, error = 0, batch.count, ""
        for attempt in range(1 + self._spec["max_retries"]):
            if attempt:
                print(f"mini-batch {index}: {error}; try {attempt + 1}", flush=True)
            worker = worker or Worker(self._spec, self._spec_file)
            try:
                good, bad, error = worker.score(batch.content, part, self._spec["seconds"])
            except (TimeoutError, WorkerEnded) as failed:
                error = str(failed)
                worker.end()
                worker = None
            if not error:
                break
        if error:
            good, bad = 0, batch.count
            print(f"mini-batch {index} of {bad} {items_of(self._spec)} failed: {error}", flush=True)
        with self._lock:
            self.scored += good
            self.failed += bad
            self.failed_batches += bool(error)
        return worker


def main(argv: list[str]) -> int:
    """Score the files of the specification; returns the exit code."""
    spec: ScoringSpec = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    files = list_files(Path(spec["input"]), any_suffix=bool(spec.get("script")))
    if not files:
        kind = "file" if spec.get("script") else f"{' or '.join(SUFFIXES)} file"
        print(f"nothing to score: no {kind} in the input")
        return 1
    return score_batches(spec, split_files(files, spec["mini_batch_size"]))


def split_files(files: list[str], size: int) -> list[MiniBatch]:
    """Mini-batches of at most ``size`` files."""
    return [MiniBatch(part, len(part)) for part in divide_files(files, size)]


def divide_files(files: list[str], size: int) -> list[list[str]]:
    """Groups of at most ``size`` files."""
    return [files[start : start + size] for start in range(0, len(files), size)]


def items_of(spec: ScoringSpec) -> str:
    """The noun for the items of a mini-batch: files or rows."""
    return spec.get("items", "files")


def score_batches(spec: ScoringSpec, batches: list[MiniBatch]) -> int:
    """Score all mini-batches and write the output; returns the exit code."""
    items, total = items_of(spec), sum(batch.count for batch in batches)
    target = Path(spec["output"])
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = target.with_name(f".{target.name}.parts")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    try:
        run = ScoringRun(spec, batches, parts)
        run.run()
        if run.exceeded_threshold:
            failed = f"{run.failed} of {total} {items}, {run.failed_batches} mini-batches failed"
            print(f"{failed}; {run.exceeded_threshold}")
            return 1
        if spec["append_row"]:
            _join_parts([run.part_file(index) for index in range(run.count)], target)
    except WorkerNotReady as error:
        if str(error):
            print(error, flush=True)
        return 1
    except Exception as error:  # noqa: BLE001 - any error fails the job, with its reason
        traceback.print_exc()
        print(f"scoring failed: {type(error).__name__}: {error}", flush=True)
        return 1
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    print(f"{run.scored} of {total} {items} scored in {run.count} mini-batches", flush=True)
    return 0


def list_files(source: Path, *, any_suffix: bool) -> list[str]:
    """The files of an input in the order of their names."""
    paths = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    return [str(path) for path in paths if any_suffix or path.suffix.lower() in SUFFIXES]


def _join_parts(parts: list[Path], target: Path) -> None:
    """Join the parts in the order of their mini-batches."""
    partial = target.with_name(f".{target.name}.part")
    with partial.open("wb") as out:
        for part in parts:
            if part.is_file():
                with part.open("rb") as file:
                    shutil.copyfileobj(file, out)
    partial.replace(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
