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
from collections import deque
from pathlib import Path
from typing import Any

from azureml_local.scoring.frames import CHUNK_BYTES, FrameReader, pack_frame
from child_processes import preload

PRELOADED_PROCESS = "AZUREML_LOCAL_PRELOADED_PROCESS"
"""The variable with the address of the preloaded process, which workers are forks of."""

START_SECONDS = 300.0
SUFFIXES = (".csv", ".parquet")
"""The files that an MLflow model without code scores; a script gets every file."""


class WorkerEnded(Exception):
    """The worker process has ended."""


class WorkerNotReady(Exception):
    """The worker process cannot load the model or the script."""


class Worker:
    """A worker process and the socket to it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Start the process.

        Raises:
            WorkerNotReady: it ended before it was ready, or was not ready in time.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = _start_process(spec, theirs.fileno())
        try:
            self._read_frame(START_SECONDS)
        except (WorkerEnded, TimeoutError) as error:
            self.end()
            raise WorkerNotReady(str(error)) from None

    def score(self, files: list[str], part: str, seconds: float) -> tuple[int, int, str]:
        """Score a mini-batch; returns the counts of scored and failed files, and the error if any.

        Raises:
            TimeoutError: it takes longer than ``seconds``.
            WorkerEnded: the process ended.
        """
        try:
            self._socket.sendall(pack_frame([files, part], b""))
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

    def end(self) -> None:
        """End the process."""
        self._socket.close()
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def _start_process(spec: dict[str, Any], stdin: int) -> subprocess.Popen[bytes] | preload.Process:
    scorer = {key: spec[key] for key in ("model", "code", "script") if spec.get(key)}
    python = spec.get("python") or sys.executable
    command = [python, "-m", "azureml_local.batch.worker", json.dumps(scorer)]
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

    def __init__(self, spec: dict[str, Any], files: list[str], parts: Path) -> None:
        size = spec["mini_batch_size"]
        batches = [files[start : start + size] for start in range(0, len(files), size)]
        self.count = len(batches)
        self.scored = self.failed = 0
        self.worker_error = ""
        self._spec = spec
        self._parts = parts
        self._waiting = deque(enumerate(batches))
        self._lock = threading.Lock()

    @property
    def threshold_exceeded(self) -> bool:
        """Whether more files have failed than ``error_threshold``."""
        most: int = self._spec["error_threshold"]
        return 0 <= most < self.failed

    def run(self) -> None:
        """Score all mini-batches, or stop when the job has failed."""
        count = min(self.count, self._spec["processes"])
        threads = [threading.Thread(target=self._score_batches) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def part_file(self, index: int) -> Path:
        """The file with the output lines of a mini-batch."""
        return self._parts / f"{index}.part"

    def _score_batches(self) -> None:
        worker: Worker | None = None
        try:
            while not self.threshold_exceeded and not self.worker_error:
                with self._lock:
                    if not self._waiting:
                        break
                    index, files = self._waiting.popleft()
                worker = self._score_batch(worker, index, files)
        except WorkerNotReady as error:
            self.worker_error = str(error)
        finally:
            if worker is not None:
                worker.end()

    def _score_batch(self, worker: Worker | None, index: int, files: list[str]) -> Worker | None:
        """Score one mini-batch with its retries; returns the worker if it still runs."""
        part = str(self.part_file(index)) if self._spec["append_row"] else ""
        good, bad, error = 0, len(files), ""
        for attempt in range(1 + self._spec["max_retries"]):
            if attempt:
                print(f"mini-batch {index}: {error}; try {attempt + 1}", flush=True)
            worker = worker or Worker(self._spec)
            try:
                good, bad, error = worker.score(files, part, self._spec["seconds"])
            except (TimeoutError, WorkerEnded) as failed:
                error = str(failed)
                worker.end()
                worker = None
            if not error:
                break
        if error:
            good, bad = 0, len(files)
            print(f"mini-batch {index} of {len(files)} files failed: {error}", flush=True)
        with self._lock:
            self.scored += good
            self.failed += bad
        return worker


def main(argv: list[str]) -> int:
    """Score the files of the specification; returns the exit code."""
    spec = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    files = _list_files(Path(spec["input"]), any_suffix=bool(spec.get("script")))
    if not files:
        kind = "file" if spec.get("script") else f"{' or '.join(SUFFIXES)} file"
        print(f"nothing to score: no {kind} in the input")
        return 1
    target = Path(spec["output"])
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = target.with_name(f".{target.name}.parts")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    try:
        run = ScoringRun(spec, files, parts)
        run.run()
        if run.worker_error:
            return 1  # the worker has logged the error
        if run.threshold_exceeded:
            most = spec["error_threshold"]
            print(f"{run.failed} of {len(files)} files failed; error_threshold is {most}")
            return 1
        if spec["append_row"]:
            _join_parts([run.part_file(index) for index in range(run.count)], target)
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    print(f"{run.scored} of {len(files)} files scored in {run.count} mini-batches", flush=True)
    return 0


def _list_files(source: Path, *, any_suffix: bool) -> list[str]:
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
