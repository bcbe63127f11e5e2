"""Answers requests as a deployment of azureml-local does: ``python … SPEC IN OUT``."""

import base64
import json
import sys
from pathlib import Path

from azureml_local.online.scorer import load_scorer
from azureml_local.scoring.frames import ScoringRequest


def main(spec: str, requests: Path, responses: Path) -> None:
    scorer = load_scorer(json.loads(spec))
    answers = []
    for request in json.loads(requests.read_text()):
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
    responses.write_text(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
