"""Creates a workspace with objects of all kinds through the SDK; run it with the client environment.

Prints a JSON object with the links of two jobs: one has completed, the other waits for the file in
the first argument.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)
from azure.ai.ml.sweep import Choice
from azure.identity import DefaultAzureCredential

TRAIN = """
import sys
import mlflow, numpy as np
from sklearn.linear_model import LinearRegression
rows = np.arange(20.0).reshape(10, 2)
model = LinearRegression().fit(rows, rows.sum(axis=1))
mlflow.log_params({"alpha": 0.5, "bold": "<script>alert(1)</script>"})
mlflow.log_metric("rmse", 0.25)
needs = ["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"]
mlflow.sklearn.save_model(model, "m", serialization_format="cloudpickle", pip_requirements=needs)
mlflow.log_artifacts("m", artifact_path="model")
print("Ünïcode and <script>alert(2)</script> in a log")
"""


def main(go: str) -> None:
    ml = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "group", "shown")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code" / "train.py").write_text(TRAIN)
        (folder / "rows.csv").write_text("a,b\n1,2\n")
        ml.environments.create_or_update(
            Environment(
                name="sk", version="1", image="none:1", conda_file={"dependencies": ["pip"]}
            )
        )
        ml.data.create_or_update(
            Data(name="rows", version="1", path=str(folder / "rows.csv"), type="uri_file")
        )
        done = command(
            code=str(folder / "code"),
            command="python train.py && cp ${{inputs.rows}} ${{outputs.out}}/copy.csv",
            inputs={"rows": Input(type="uri_file", path="azureml:rows:1")},
            outputs={"out": {"type": "uri_folder"}},
            environment="azureml:sk:1",
            experiment_name="shown",
            display_name="a job with a rather long name, to see what narrow screens make of it",
            environment_variables={"SECRET": "hunter2"},
            tags={"team": "a"},
        )
        done = ml.jobs.create_or_update(done)
        ml.jobs.stream(done.name)
    path = f"azureml://jobs/{done.name}/outputs/artifacts/paths/model/"
    ml.models.create_or_update(Model(name="sum", version="1", path=path, type="mlflow_model"))
    endpoint = ManagedOnlineEndpoint(name="online-1", auth_mode="key")
    endpoint = ml.online_endpoints.begin_create_or_update(endpoint).result()
    ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="blue",
            endpoint_name="online-1",
            model="azureml:sum:1",
            instance_type="Standard_DS3_v2",
            instance_count=1,
            request_settings=OnlineRequestSettings(request_timeout_ms=30_000),
        )
    ).result()
    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch-1")).result()
    waits = ml.jobs.create_or_update(
        command(
            command=f"echo first line; until [ -e '{go}' ]; do sleep 0.1; done; echo last line",
            environment="azureml:sk:1",
            display_name="a job that waits",
        )
    )
    ml.compute.begin_create_or_update(AmlCompute(name="narrow", size="s", max_instances=1)).result()
    line = f"until [ -e '{go}.never' ]; do sleep 0.1; done"
    busy, queued = (
        ml.jobs.create_or_update(
            command(command=line, environment="azureml:sk:1", compute="narrow")
        )
        for _ in range(2)
    )
    while (ml.jobs.get(busy.name).status, ml.jobs.get(queued.name).status) != (
        "Running",
        "Queued",
    ):
        time.sleep(0.1)
    score = command(
        command="python -c 'import mlflow, sys; mlflow.log_metric(\"score\", float(sys.argv[1]))' "
        "${{inputs.x}}",
        inputs={"x": 0},
        environment="azureml:sk:1",
    )
    sweep = score(x=Choice([1, 2])).sweep(
        sampling_algorithm="grid", primary_metric="score", goal="maximize", max_total_trials=2
    )
    sweep = ml.jobs.create_or_update(sweep)
    ml.jobs.stream(sweep.name)
    keys = ml.online_endpoints.get_keys("online-1")
    seeded = {
        "done": ml.jobs.get(done.name).studio_url,
        "waits": waits.studio_url,
        "name": done.name,
        "sweep": sweep.name,
        "busy": busy.name,
        "secrets": [keys.primary_key, keys.secondary_key, "hunter2"],
    }
    sys.stdout.write("\n" + json.dumps(seeded))


main(sys.argv[1])
