"""Scores files in mini-batches: ``python -m azureml_local.batch.driver SPEC``, a job's process.

Mini-batches go to processes that load the model once. One that raises, takes too long or ends its
process is tried again; when it has failed for good, its files count against ``error_threshold``,
and above that the job fails and leaves no output.
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

from azureml_local.scoring.frames import PIECE, Buffer, pack
from child_processes import preload

ZYGOTE = "AZUREML_LOCAL_ZYGOTE"
"""The variable that names the process which the processes of a job are copies of."""

START_SECONDS = 300.0
KINDS = (".csv", ".parquet")
"""What an MLflow model without code takes; a script gets every file."""


class Ended(Exception):
    """The process has ended."""


class Broken(Exception):
    """The model or the script cannot even be loaded."""


class Worker:
    """A process that scores, and the socket to it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Start the process.

        Raises:
            Broken: it ended before it was ready, or was not ready in time.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = _process(spec, theirs.fileno())
        try:
            self._read(START_SECONDS)
        except (Ended, TimeoutError) as error:
            self.end()
            raise Broken(str(error)) from None

    def score(self, files: list[str], part: str, seconds: float) -> tuple[int, int, str]:
        """Files that were and were not scored, and the error that stopped the mini-batch.

        Raises:
            TimeoutError: it took longer than ``seconds``.
            Ended: the process ended over it.
        """
        try:
            self._socket.sendall(pack([files, part], b""))
        except OSError:
            raise Ended("its process had ended") from None
        good, bad, error = self._read(seconds)
        return good, bad, error

    def _read(self, seconds: float) -> Any:
        self._socket.settimeout(seconds)
        buffer = Buffer()
        while True:
            try:
                piece = self._socket.recv(PIECE)
            except TimeoutError:
                raise TimeoutError(f"it took longer than {seconds:g} s") from None
            except OSError:
                piece = b""
            if not piece:
                raise Ended("its process ended")
            found = buffer.feed(piece)
            if found is not None:
                return found[0]

    def end(self) -> None:
        """End the process."""
        self._socket.close()
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def _process(spec: dict[str, Any], stdin: int) -> subprocess.Popen[bytes] | preload.Process:
    scorer = {key: spec[key] for key in ("model", "code", "script") if spec.get(key)}
    command = [sys.executable, "-m", "azureml_local.batch.worker", json.dumps(scorer)]
    env = {**os.environ, **spec["environment"]}
    address = os.environ.get(ZYGOTE)
    if address and not spec.get("script"):  # somebody's own code begins with nothing imported
        with contextlib.suppress(preload.Refused):  # its log says why
            return preload.popen(address, command, env=env, stdin=stdin)
    # In the job's own group: whoever ends the job ends it too.
    return subprocess.Popen(command, cwd=spec.get("code") or None, stdin=stdin, env=env)


class Run:
    """One job: its mini-batches, and what became of them."""

    def __init__(self, spec: dict[str, Any], files: list[str], parts: Path) -> None:
        size = spec["mini_batch_size"]
        batches = [files[start : start + size] for start in range(0, len(files), size)]
        self.count = len(batches)
        self.good = self.bad = 0
        self.broken = ""
        self._spec = spec
        self._parts = parts
        self._waiting = deque(enumerate(batches))
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether more files have failed than may."""
        most: int = self._spec["error_threshold"]
        return 0 <= most < self.bad

    def go(self) -> None:
        """Score all mini-batches, or as many as it takes to know that the job has failed."""
        count = min(self.count, self._spec["processes"])
        threads = [threading.Thread(target=self._work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def part(self, index: int) -> Path:
        """Where the lines of a mini-batch are."""
        return self._parts / f"{index}.part"

    def _work(self) -> None:
        worker: Worker | None = None
        try:
            while not self.over and not self.broken:
                with self._lock:
                    if not self._waiting:
                        break
                    index, files = self._waiting.popleft()
                worker = self._batch(worker, index, files)
        except Broken as error:
            self.broken = str(error)
        finally:
            if worker is not None:
                worker.end()

    def _batch(self, worker: Worker | None, index: int, files: list[str]) -> Worker | None:
        """One mini-batch with its retries; gives the worker that is left."""
        part = str(self.part(index)) if self._spec["append_row"] else ""
        good, bad, error = 0, len(files), ""
        for attempt in range(1 + self._spec["max_retries"]):
            if attempt:
                print(f"mini-batch {index}: {error}; try {attempt + 1}", flush=True)
            worker = worker or Worker(self._spec)
            try:
                good, bad, error = worker.score(files, part, self._spec["seconds"])
            except (TimeoutError, Ended) as failed:
                error = str(failed)
                worker.end()
                worker = None
            if not error:
                break
        if error:
            good, bad = 0, len(files)
            print(f"mini-batch {index} of {len(files)} files failed: {error}", flush=True)
        with self._lock:
            self.good += good
            self.bad += bad
        return worker


def main(argv: list[str]) -> int:
    """Score what the specification names; gives the exit code."""
    spec = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    files = _files(Path(spec["input"]), any_kind=bool(spec.get("script")))
    if not files:
        kind = "file" if spec.get("script") else f"{' or '.join(KINDS)} file"
        print(f"nothing to score: no {kind} in the input")
        return 1
    target = Path(spec["output"])
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = target.with_name(f".{target.name}.parts")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    try:
        run = Run(spec, files, parts)
        run.go()
        if run.broken:
            return 1  # the process has said why
        if run.over:
            most = spec["error_threshold"]
            print(f"{run.bad} of {len(files)} files failed; error_threshold is {most}")
            return 1
        if spec["append_row"]:
            _join([run.part(index) for index in range(run.count)], target)
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    print(f"{run.good} of {len(files)} files scored in {run.count} mini-batches", flush=True)
    return 0


def _files(source: Path, *, any_kind: bool) -> list[str]:
    found = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    return [str(path) for path in found if any_kind or path.suffix.lower() in KINDS]


def _join(parts: list[Path], target: Path) -> None:
    """Put the parts together in the order of their mini-batches."""
    beside = target.with_name(f".{target.name}.part")
    with beside.open("wb") as out:
        for part in parts:
            if part.is_file():
                with part.open("rb") as file:
                    shutil.copyfileobj(file, out)
    beside.replace(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
