"""Answers requests as deployments of azureml-local do: ``python answer_requests_locally.py JOBS``."""

from __future__ import annotations

import base64
import importlib
import json
import sys
from pathlib import Path

from forked_jobs import run_jobs

from azureml_local.online.scorer import load_scorer
from azureml_local.scoring.frames import ScoringRequest

IMPORTS = (
    "azureml_local.online.nocode", "flask", "mlflow", "mlflow.pyfunc", "sklearn.ensemble",
    "sklearn.linear_model", "sklearn.compose", "cloudpickle",
)  # fmt: skip


def answer(job: dict) -> list[dict]:
    scorer = load_scorer(job["spec"])
    answers = []
    for request in json.loads(Path("../requests.json").read_text()):
        headers = [[key.lower(), value] for key, value in request["headers"].items()]
        body = base64.b64decode(request["body"])
        response = scorer.answer(
            ScoringRequest(body, request["method"], request["path"], request["query"], headers)
        )
        answers.append(
            {
                "status": response.status,
                "body": response.body.decode("utf-8", "replace"),
                "headers": dict(map(tuple, response.headers)),
            }
        )
    return answers


if __name__ == "__main__":
    for module in IMPORTS:
        importlib.import_module(module)
    run_jobs(Path(sys.argv[1]), answer)
