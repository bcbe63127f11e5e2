"""Deploys in environments of their own and writes what happened: run by ``test_isolation.py``.

Usage: ``isolation_scenario.py FOLDER``; the folder has the code, the conda files and the data.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import requests
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.ai.ml.exceptions import JobException
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

FOLDER = Path(sys.argv[1])
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
ml = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "dev")
results: dict = {}
for name in ("own", "server", "missing", "python"):
    file = str(FOLDER / f"{name}.yml")
    ml.environments.create_or_update(Environment(name=name, image=IMAGE, conda_file=file))
ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="s", max_instances=1)).result()


def score(name):
    endpoint = ml.online_endpoints.get("isolated")
    key = ml.online_endpoints.get_keys("isolated").primary_key
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": name}
    answer = requests.post(endpoint.scoring_uri, json={"a": 1}, headers=headers, timeout=30)
    return {"status": answer.status_code, "headers": dict(answer.headers), "body": answer.json()}


def deploy(name, environment, script="score.py"):
    begun = time.monotonic()
    deployment = ManagedOnlineDeployment(
        name=name, endpoint_name="isolated", instance_type="Standard_DS3_v2", instance_count=1,
        code_configuration=CodeConfiguration(code=str(FOLDER / "code"), scoring_script=script),
        environment=f"azureml:{environment}@latest",
        data_collector=DataCollector(
            collections={"model_inputs": DeploymentCollection(enabled="True")}
        ),
        environment_variables={"PYTHONPATH": "/nowhere"},
    )  # fmt: skip
    result = {}
    try:
        ml.online_deployments.begin_create_or_update(deployment).result()
        result = score(name)
    except HttpResponseError as error:
        result = {"error": str(error)}
    result["state"] = ml.online_deployments.get(name, "isolated").provisioning_state
    result["seconds"] = time.monotonic() - begun
    get_logs = ml.online_deployments.get_logs
    result["log"] = get_logs(name, "isolated", lines=500)
    result["initializer"] = get_logs(
        name, "isolated", lines=500, container_type="storage-initializer"
    )
    results[name] = result


def run_job(environment):
    line = 'python -c "import own_package, sys; print(own_package.VERSION, sys.prefix)"'
    job = ml.jobs.create_or_update(
        command(command=line, environment=f"{environment}@latest", compute="cpu")
    )
    result = {"error": ""}
    try:
        ml.jobs.stream(job.name)
    except JobException as error:
        result["error"] = str(error)
    ml.jobs.download(job.name, download_path=FOLDER / "jobs" / environment, all=True)
    for name in ("std_log.txt", "20_image_build_log.txt"):
        files = (FOLDER / "jobs" / environment).rglob(name)
        result[name] = "".join(path.read_text() for path in files)
    results[f"job {environment}"] = result


def score_batch():
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="files")).result()
    deployment = ModelBatchDeployment(
        name="own", endpoint_name="files", model=f"azureml:m:{registered.version}", compute="cpu",
        environment="azureml:own@latest",
        code_configuration=CodeConfiguration(code=str(FOLDER / "code"), scoring_script="batch.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=10, output_file_name="out.csv"),
    )  # fmt: skip
    ml.batch_deployments.begin_create_or_update(deployment).result()
    job = ml.batch_endpoints.invoke(
        endpoint_name="files", deployment_name="own",
        inputs={"in": Input(type="uri_folder", path=str(FOLDER / "data"))},
    )  # fmt: skip
    while ml.jobs.get(job.name).status not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.1)
    ml.jobs.download(job.name, output_name="score", download_path=FOLDER / "scored")
    return next((FOLDER / "scored").rglob("out.csv")).read_text()


model = Model(name="m", path=str(FOLDER / "data"), type="custom_model")
registered = ml.models.create_or_update(model)
ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="isolated")).result()
deploy("own", "own")
deploy("server", "server")
deploy("collects", "server", "collect.py")
deploy("broken", "server", "broken.py")
deploy("missing", "missing")
for environment in ("own", "missing", "python"):
    run_job(environment)
results["batch"] = score_batch()
(FOLDER / "results.json").write_text(json.dumps(results))
