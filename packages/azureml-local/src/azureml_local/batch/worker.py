"""One process of a batch job: ``python -m azureml_local.batch.worker SPEC``.

Its standard input is a socket to its driver. It loads the model or the scoring script, says that it
is ready, then scores one mini-batch after the other until the driver closes the socket.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Protocol

from azureml_local.scoring import door
from azureml_local.scoring.frames import PIECE, Buffer, pack


class Scoring(Protocol):
    """What scores mini-batches."""

    def score(self, files: list[Path], part: Path | None) -> tuple[int, int]:
        """Score files into ``part``; gives how many were and how many were not scored."""


def load(spec: dict[str, str]) -> Scoring:
    """What the deployment scores with, loaded."""
    if spec.get("script"):
        from azureml_local.batch.script import Script

        return Script(Path(spec["code"]), spec["script"])
    from azureml_local.batch.tables import Tables

    return Tables(Path(spec["model"]))


def main(argv: list[str]) -> None:
    """Load, then score until the driver has gone."""
    connection = door.take()
    scoring = load(json.loads(argv[1]))
    connection.sendall(pack("ready", b""))
    buffer = Buffer()
    while piece := connection.recv(PIECE):
        found = buffer.feed(piece)
        if found is None:
            continue
        (files, part), _ = found
        try:
            good, bad = scoring.score([Path(file) for file in files], Path(part) if part else None)
            said = [good, bad, ""]
        except Exception as error:  # noqa: BLE001 - whatever a script raises fails the mini-batch
            traceback.print_exc()
            sys.stderr.flush()
            said = [0, len(files), f"{type(error).__name__}: {error}"]
        connection.sendall(pack(said, b""))


if __name__ == "__main__":
    main(sys.argv)
