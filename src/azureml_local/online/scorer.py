"""One process of a deployment: ``python -m azureml_local.online.scorer SOCKET [SPEC]``.

Loads the model or the scoring script, says that it is ready, then answers one request after the
other until the server closes the socket. What it prints is the deployment's log.

SPEC is a JSON object: ``model`` is the folder of an MLflow model that is served without code;
``script`` is the scoring script, in the folder ``code``. Without SPEC the process is a spare: it
imports what most models need, and waits until it is told what it is.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Protocol

from azureml_local.scoring.frames import (
    PIECE,
    Answer,
    Asked,
    Buffer,
    pack,
    pack_answer,
    receive,
)

COMMON = (
    "azureml_local.online.nocode",
    "pandas",
    "sklearn.linear_model",
    "skops.io",
    "cloudpickle",
)


class Scorer(Protocol):
    """What answers requests."""

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request; never raises for what a request says."""


def load(spec: dict[str, str]) -> Scorer:
    """The scorer of a deployment, loaded.

    Raises:
        Exception: whatever the model or the script raises while it is loaded.
    """
    if spec.get("script"):
        from azureml_local.online.script import Script

        return Script(Path(spec["code"]), spec["script"], spec["name"])
    from azureml_local.online.nocode import NoCode

    return NoCode(Path(spec["model"]), spec["name"])


def main(argv: list[str]) -> None:
    """Load, then answer until the server has gone."""
    # Not closed by a with: the server must see the end only after the traceback has been printed.
    connection = socket.socket(fileno=int(argv[1]))
    spec = json.loads(argv[2]) if len(argv) > 2 else _told(connection)
    if spec is None:
        return
    scorer = load(spec)
    connection.sendall(pack("ready", b""))
    while (asked := receive(connection)) is not None:
        connection.sendall(pack_answer(scorer.answer(asked)))


def _told(connection: socket.socket) -> dict[str, str] | None:
    """What a spare shall serve, with the log, folder and variables of its own from there on."""
    for name in COMMON:
        importlib.import_module(name)
    buffer, found = Buffer(), None
    while found is None:
        piece = connection.recv(PIECE)
        if not piece:
            return None
        found = buffer.feed(piece)
    told = found[0]
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.chdir(told["folder"])
    os.environ.update(told["environment"])
    spec: dict[str, str] = told["spec"]
    return spec


if __name__ == "__main__":
    main(sys.argv)
