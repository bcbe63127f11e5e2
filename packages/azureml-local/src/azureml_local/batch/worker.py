"""A worker process of a batch job: ``python -m azureml_local.batch.worker SPEC_FILE``.

Its standard input is a socket to its driver. It loads the model or the scoring script, reports
that it is ready, then scores mini-batches until the driver closes the socket.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Protocol

from azureml_local.documents.scoring import ScoringSpec
from azureml_local.scoring import worker_socket
from azureml_local.scoring.frames import CHUNK_BYTES, FrameReader, pack_frame


class BatchScorer(Protocol):
    """Scores mini-batches."""

    def score(self, content: Any, part: Path | None) -> tuple[int, int]:
        """Score a mini-batch into ``part``; returns the counts of scored and failed items."""


def load_scorer(spec: ScoringSpec) -> BatchScorer:
    """Load the model or the script."""
    if spec.get("entry_script"):
        from azureml_local.batch.entry_script import EntryScript

        return EntryScript(spec)
    if spec.get("script"):
        from azureml_local.batch.script import Script

        return Script(Path(spec["code"]), spec["script"])
    from azureml_local.batch.tables import Tables

    return Tables(Path(spec["model"]))


def main(argv: list[str]) -> None:
    """Load the scorer, then score until the driver closes the socket."""
    connection = worker_socket.take_over_stdin()
    scorer = load_scorer(json.loads(Path(argv[1]).read_text(encoding="utf-8")))
    connection.sendall(pack_frame("ready", b""))
    buffer = FrameReader()
    while chunk := connection.recv(CHUNK_BYTES):
        frame = buffer.feed(chunk)
        if frame is None:
            continue
        (content, part), _ = frame
        try:
            good, bad = scorer.score(content, Path(part) if part else None)
            result = [good, bad, ""]
        except Exception as error:  # noqa: BLE001 - any exception fails the mini-batch
            traceback.print_exc()
            sys.stderr.flush()
            result = [0, 0, f"{type(error).__name__}: {error}"]  # the driver counts the items
        connection.sendall(pack_frame(result, b""))
    if hasattr(scorer, "shutdown"):
        scorer.shutdown()


if __name__ == "__main__":
    main(sys.argv)
