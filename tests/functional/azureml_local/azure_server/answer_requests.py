"""Answers requests with Microsoft's inference server: ``python answer_requests.py IN OUT``.

Runs in an environment that has azureml-inference-server-http. The server's own application gets
each request through its test client; its environment variables name the script.
"""

import base64
import json
import sys
from pathlib import Path


def main(requests: Path, responses: Path) -> None:
    from azureml_inference_server_http.server.create_app import create

    client = create().test_client()
    answers = []
    for request in json.loads(requests.read_text()):
        response = client.open(
            request["path"],
            method=request["method"],
            query_string=request["query"],
            data=base64.b64decode(request["body"]),
            headers=request["headers"],
        )
        answers.append(
            {
                "status": response.status_code,
                "body": response.get_data(as_text=True),
                "headers": {key.lower(): value for key, value in response.headers.items()},
            }
        )
    responses.write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
