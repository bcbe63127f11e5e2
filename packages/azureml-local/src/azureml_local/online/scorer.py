"""A worker process of an online deployment: ``python -m azureml_local.online.scorer SPEC``.

Its standard input is a socket to the server. It loads the model or the scoring script, reports that
it is ready, then answers one request after the other until the server closes the socket. Its output
is the deployment's log.

SPEC is a JSON object: ``model`` is the folder of an MLflow model that is deployed without code;
``script`` is the scoring script, in the folder ``code``; ``missing`` names packages of Azure's
server that its environment lacks. With ``server`` set to ``azure`` the
process answers with Microsoft's inference server, which its interpreter must have.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Protocol

from azureml_local.scoring import worker_socket
from azureml_local.scoring.frames import (
    ScoringRequest,
    ScoringResponse,
    pack_frame,
    pack_response,
    receive_request,
)

AZURE_SERVER = "azure"
HEALTHY = ScoringResponse(b"Healthy", 200, [["content-type", "text/plain"]])


class Scorer(Protocol):
    """Answers requests."""

    def answer(self, request: ScoringRequest) -> ScoringResponse:
        """The response to a request; never raises because of the request's content."""


def load_scorer(spec: dict[str, str]) -> Scorer:
    """Load the scorer of a deployment.

    Raises:
        Exception: whatever the model or the script raises while it is loaded.
    """
    if spec.get("server") == AZURE_SERVER:
        from azureml_local.online.azure_server import load_azure_server

        return load_azure_server()
    if spec.get("script"):
        from azureml_local.online.script import load_script_server

        missing = spec.get("missing", "").split()
        return load_script_server(Path(spec["code"]), spec["script"], spec["name"], missing)
    from azureml_local.online.nocode import load_model_server

    return load_model_server(Path(spec["model"]), spec["name"])


def main(argv: list[str]) -> None:
    """Load the scorer, then answer requests until the server closes the socket."""
    connection = worker_socket.take_over_stdin()
    scorer = load_scorer(json.loads(argv[1]))
    connection.sendall(pack_frame("ready", b""))
    while (request := receive_request(connection)) is not None:
        response = HEALTHY if request.path == "/" else scorer.answer(request)
        connection.sendall(pack_response(response))


if __name__ == "__main__":
    main(sys.argv)
