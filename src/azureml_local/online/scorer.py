"""Serves one deployment: ``python -m azureml_local.online.scorer MODEL SOCKET``.

Speaks the scoring protocol of Azure ML's no-code deployment of MLflow models: ``{"input_data": …}``
with rows, or with columns and data, in; a JSON list of predictions out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from azureml_local.scoring.model import ScoringModel, WrongInput


def _rows(body: Any) -> tuple[list[str] | None, list[list[Any]]]:
    """The columns, where they are given, and the rows of a payload.

    Raises:
        WrongInput: it is not in one of the two forms.
    """
    if not isinstance(body, dict) or "input_data" not in body:
        raise WrongInput('the payload has no "input_data"')
    given = body["input_data"]
    columns = None
    if isinstance(given, dict):
        columns, given = given.get("columns"), given.get("data")
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise WrongInput('"input_data" has no list "columns" of names')
    if not isinstance(given, list) or not all(isinstance(row, list) for row in given):
        raise WrongInput('"input_data" holds no list of rows')
    return columns, given


def application(model: ScoringModel) -> Starlette:
    """The scoring application of a loaded model."""

    async def score(request: Request) -> Response:
        try:
            columns, rows = _rows(json.loads(await request.body()))
            return JSONResponse(model.predict(model.frame(columns, rows)) if rows else [])
        except (WrongInput, ValueError) as error:
            message = " ".join(str(error).split())
            print(f"400: {message}", flush=True)
            return JSONResponse({"error": {"code": "BadRequest", "message": message}}, 400)

    async def ready(request: Request) -> Response:
        return JSONResponse({"status": "Healthy"})

    return Starlette(
        routes=[Route("/score", score, methods=["POST"]), Route("/", ready, methods=["GET"])]
    )


def main(argv: list[str]) -> None:
    """Load the model, then serve until the process is ended."""
    import uvicorn

    model = ScoringModel(Path(argv[1]))
    print(f"model loaded; it takes {', '.join(model.names) or 'what it is given'}", flush=True)
    uvicorn.run(application(model), uds=argv[2], log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv)
