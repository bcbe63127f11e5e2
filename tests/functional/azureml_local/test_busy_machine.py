"""A drill: each of many deployments answers, although the machine has more work than processors.

A deployment whose process is ready before the server reads its socket must not be forgotten; on a
quiet machine that hardly happens. ``AZUREML_LOCAL_DEPLOYMENTS`` sets how many are made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
import requests

pytestmark = [pytest.mark.functional, pytest.mark.drill]

DEPLOYMENTS = int(os.environ.get("AZUREML_LOCAL_DEPLOYMENTS", "20"))
BUSY_PROCESSES = 6
REQUEST_SECONDS = 30
# Ends by itself when the test that started it was killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))"


@pytest.fixture
def busy_machine():
    """Processes that compute until the test has ended."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(BUSY_PROCESSES)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def model_folder(tmp_path):
    import cloudpickle
    from sklearn.linear_model import LinearRegression

    columns = [{"name": name, "type": "double", "required": True} for name in ("a", "b")]
    flavors = {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}}
    folder = tmp_path / "model"
    folder.mkdir()
    description = {"flavors": flavors, "signature": {"inputs": json.dumps(columns)}}
    (folder / "MLmodel").write_text(json.dumps(description))  # JSON is YAML
    estimator = LinearRegression().fit([[0, 1], [1, 0], [1, 1]], [2, 1, 3])
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(estimator))
    return folder


def test_every_deployment_answers(local, client, model_folder, busy_machine):
    from azure.ai.ml.entities import ManagedOnlineEndpoint, Model

    ml = client("busy")
    model = Model(name="sum", version="1", path=str(model_folder), type="mlflow_model")
    model = ml.models.create_or_update(model)
    ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="busy", auth_mode="key")
    ).result()
    endpoint = ml.online_endpoints.get("busy")
    key = ml.online_endpoints.get_keys("busy").primary_key
    # Without the SDK, whose polling would take most of the time.
    deployments = f"{local.state()['url']}{endpoint.id}/deployments"
    body = {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[1.0, 1.0]]}}
    settings = {"requestTimeout": f"PT{REQUEST_SECONDS}S"}
    properties = {"model": model.id, "requestSettings": settings}
    failures = {}
    with requests.Session() as arm, requests.Session() as caller:
        arm.headers["Authorization"] = f"Bearer {local.state()['env']['MLFLOW_TRACKING_TOKEN']}"
        caller.headers["Authorization"] = f"Bearer {key}"
        for number in range(DEPLOYMENTS):
            name = f"model-{number}"
            url = f"{deployments}/{name}"
            assert arm.put(url, json={"properties": properties}, timeout=60).status_code == 201
            while (state := _state(arm.get(url, timeout=60))) == "Creating":
                time.sleep(0.05)
            assert state == "Succeeded"
            headers = {"azureml-model-deployment": name}
            response = caller.post(endpoint.scoring_uri, json=body, headers=headers, timeout=60)
            log = arm.post(f"{url}/getLogs", json={}, timeout=60).json()["content"]
            if response.status_code != 200 or "defect" in log:
                failures[name] = (response.status_code, log)
            assert arm.delete(url, timeout=60).status_code == 200
    assert not failures, f"{len(failures)} of {DEPLOYMENTS} deployments"


def _state(response):
    return response.json()["properties"]["provisioningState"]
