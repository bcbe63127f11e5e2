"""One process of a deployment: ``python -m azureml_local.online.scorer SPEC``.

Its standard input is a socket to the server. It loads the model or the scoring script, says that it
is ready, then answers one request after the other until the server closes the socket. What it
prints is the deployment's log.

SPEC is a JSON object: ``model`` is the folder of an MLflow model that is served without code;
``script`` is the scoring script, in the folder ``code``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Protocol

from azureml_local.scoring import door
from azureml_local.scoring.frames import Answer, Asked, pack, pack_answer, receive

HEALTHY = Answer(b"Healthy", 200, [["content-type", "text/plain"]])


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
    connection = door.take()
    scorer = load(json.loads(argv[1]))
    connection.sendall(pack("ready", b""))
    while (asked := receive(connection)) is not None:
        alive = asked.path == "/"
        connection.sendall(pack_answer(HEALTHY if alive else scorer.answer(asked)))


if __name__ == "__main__":
    main(sys.argv)
