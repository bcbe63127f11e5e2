"""Answers requests with Microsoft's inference server: ``python answer_requests.py JOBS``.

Runs in an environment that has azureml-inference-server-http. The server's own application gets
each request through its test client; the variables of a job name the script.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
from pathlib import Path

from forked_jobs import run_jobs

# What the server and the scripts import; not the server, which reads its variables when imported.
IMPORTS = (
    "flask", "pydantic_settings", "azure.monitor.opentelemetry.exporter", "opentelemetry.sdk.trace",
    "opentelemetry.sdk._logs.export", "inference_schema.schema_decorators",
    "inference_schema.parameter_types.pandas_parameter_type", "mlflow", "mlflow.pyfunc",
    "mlflow.models", "sklearn.ensemble", "sklearn.linear_model", "sklearn.compose", "cloudpickle",
)  # fmt: skip


def answer(job: dict) -> list[dict]:
    from azureml_inference_server_http.server.create_app import create

    client = create().test_client()
    answers = []
    for request in json.loads(Path("../requests.json").read_text()):
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
    return answers


if __name__ == "__main__":
    for module in IMPORTS:
        importlib.import_module(module)
    run_jobs(Path(sys.argv[1]), answer)
