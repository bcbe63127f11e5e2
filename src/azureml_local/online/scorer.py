"""One process of a deployment: ``python -m azureml_local.online.scorer SOCKET SPEC``.

Loads the model or the scoring script, says that it is ready, then answers one request after the
other until the server closes the socket. What it prints is the deployment's log.

SPEC is a JSON object: ``model`` is the folder of an MLflow model that is served without code;
``script`` is the scoring script, in the folder ``code``. A plain deployment's process is no such
program but a copy of one that has imported what most models need: :mod:`azureml_local.nursery`.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from pathlib import Path
from typing import Protocol

from azureml_local.scoring.frames import Answer, Asked, pack, pack_answer, receive

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


def prepare(words: list[str]) -> None:
    """Import what most models need, before this process is copied."""
    for name in COMMON:
        importlib.import_module(name)


def serve(spec: dict[str, str], connection: socket.socket) -> None:
    """Load, then answer until the server has gone."""
    scorer = load(spec)
    connection.sendall(pack("ready", b""))
    while (asked := receive(connection)) is not None:
        connection.sendall(pack_answer(scorer.answer(asked)))


if __name__ == "__main__":
    # Not closed by a with: the server must see the end only after the traceback has been printed.
    serve(json.loads(sys.argv[2]), socket.socket(fileno=int(sys.argv[1])))
