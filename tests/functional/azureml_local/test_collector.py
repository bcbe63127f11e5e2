"""The data collector stores requests in Azure's layout; requests that take too long time out."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
import requests

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def model(client, tmp_path_factory):
    import mlflow
    import pandas as pd
    from azure.ai.ml.entities import Model
    from mlflow.models import infer_signature
    from sklearn.dummy import DummyClassifier

    rows = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    folder = tmp_path_factory.mktemp("model") / "m"
    mlflow.sklearn.save_model(
        DummyClassifier(strategy="constant", constant=1).fit(rows, [0, 1]),
        folder, signature=infer_signature(rows, [0, 1]),
        pip_requirements=["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"],
        serialization_format="cloudpickle",
    )  # fmt: skip
    return client().models.create_or_update(Model(name="kept", path=folder, type="mlflow_model"))


@pytest.fixture(scope="module")
def deployed(client, model):
    """An endpoint with three deployments: one collects, one does not, one is in a hurry."""
    from azure.ai.ml.entities import (
        DataCollector,
        DeploymentCollection,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        OnlineRequestSettings,
    )

    ml_client = client()
    ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="kept", auth_mode="key")
    ).result()
    patient = OnlineRequestSettings(request_timeout_ms=30_000)
    for name, more in {
        "all": {
            "data_collector": DataCollector(
                collections={
                    name: DeploymentCollection(enabled="True")
                    for name in ("model_inputs", "model_outputs")
                }
            ),
            "request_settings": patient,
        },
        "off": {"request_settings": patient},
        "hurried": {"request_settings": OnlineRequestSettings(request_timeout_ms=1)},
    }.items():
        ml_client.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name=name, endpoint_name="kept", model=f"azureml:kept:{model.version}",
                instance_type="Standard_DS3_v2", instance_count=1, **more,
            )
        ).result()  # fmt: skip
    return ml_client.online_endpoints.get("kept")


def ask(client, deployed, name: str, payload: dict) -> requests.Response:
    key = client().online_endpoints.get_keys("kept").primary_key
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": name}
    return requests.post(deployed.scoring_uri, json=payload, headers=headers, timeout=120)


def split(*rows):
    return {"input_data": {"columns": ["a", "b"], "data": rows}}


def collected(local, deployment: str, collection: str) -> list[dict]:
    pattern = f"blobs/*/*/modelDataCollector/kept/{deployment}/{collection}/*/*/*/*/*.jsonl"
    lines = [line for path in local.data.glob(pattern) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def wait_for_lines(local, deployment: str, collection: str) -> None:
    deadline = time.monotonic() + 90
    while not collected(local, deployment, collection):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_line_for_each_request_in_azures_layout(client, local, deployed):
    before = datetime.now(UTC)
    body = {"input_data": {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 2], [3, 4]]}}
    answer = ask(client, deployed, "all", body)
    assert answer.json() == [1, 1]
    assert ask(client, deployed, "all", split(["many", 1])).status_code == 424
    wait_for_lines(local, "all", "model_outputs")
    [requested], [answered] = (collected(local, "all", f"model_{w}") for w in ("inputs", "outputs"))
    assert requested["data"] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert answered["data"] == [{"prediction": 1}, {"prediction": 1}]
    assert (
        requested["correlationid"] == answered["correlationid"] == answer.headers["x-ms-request-id"]
    )
    assert requested["type"] == "azureml.inference.inputs"
    assert requested["source"].endswith("/onlineEndpoints/kept/deployments/all")
    assert before <= datetime.fromisoformat(requested["time"]) <= datetime.now(UTC)
    [path] = local.data.glob("blobs/*/*/modelDataCollector/kept/all/model_inputs/*/*/*/*/*.jsonl")
    assert "/".join(path.parts[-5:-1]) == f"{datetime.fromisoformat(requested['time']):%Y/%m/%d/%H}"


def test_nothing_is_collected_without_a_data_collector(client, local, deployed):
    assert ask(client, deployed, "off", split([1, 2])).status_code == 200
    time.sleep(1)
    assert not list(local.data.glob("blobs/*/*/modelDataCollector/kept/off"))


def test_a_job_reads_what_was_collected(client, local, deployed):
    from azure.ai.ml import Input, command
    from azure.ai.ml.entities import Environment

    ml_client = client()
    ask(client, deployed, "all", split([1, 2]))
    wait_for_lines(local, "all", "model_inputs")
    ml_client.environments.create_or_update(Environment(name="e", image="none:1"))
    path = "azureml://datastores/workspaceblobstore/paths/modelDataCollector/kept/all"
    job = ml_client.jobs.create_or_update(
        command(
            command="test $(cat ${{inputs.kept}}/model_inputs/*/*/*/*/*.jsonl | wc -l) -ge 1",
            inputs={"kept": Input(type="uri_folder", path=path)},
            environment="azureml:e@latest",
        )
    )
    ml_client.jobs.stream(job.name)
    assert ml_client.jobs.get(job.name).status == "Completed"


def test_an_answer_that_takes_longer_than_the_request_timeout_is_given_up(client, deployed):
    answer = ask(client, deployed, "hurried", split(*[[1, 2]] * 20_000))
    assert answer.status_code == 408
    assert answer.json()["error"]["code"] == "RequestTimeout"
