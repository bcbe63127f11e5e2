"""The cycle of a model with any version of the SDK, from workspace to both kinds of endpoint.

The exit code is 0 if every step has the expected result; a failed step ends it with a traceback.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import azure.ai.ml
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    CodeConfiguration,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    Workspace,
)
from azure.identity import DefaultAzureCredential

try:
    from azure.ai.ml.entities import ModelBatchDeployment, ModelBatchDeploymentSettings
except ImportError:  # before azure-ai-ml 1.9
    raise SystemExit(
        f"azure-ai-ml {azure.ai.ml.__version__} is too old: use 1.9 or later"
    ) from None

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
BATCH = """
import os
from pathlib import Path
def init():
    global factor
    factor = int((Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "factor.txt").read_text())
def run(mini_batch):
    return [f"{Path(path).stem}={int(Path(path).read_text()) * factor}" for path in mini_batch]
"""
ONLINE = """
import json, os
from pathlib import Path
def init():
    global factor
    factor = int((Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "factor.txt").read_text())
def run(body):
    return [each * factor for each in json.loads(body)]
"""


def main() -> None:
    """Run all steps in a new workspace."""
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder))


def _run(folder: Path) -> None:
    for name, script in (("batch.py", BATCH), ("online.py", ONLINE)):
        (folder / "code").mkdir(exist_ok=True)
        (folder / "code" / name).write_text(script, encoding="utf-8")
    (folder / "rows").mkdir()
    for name, number in (("a", 2), ("b", 5)):
        (folder / "rows" / f"{name}.txt").write_text(str(number), encoding="utf-8")
    ml = _create_workspace()
    data = ml.data.create_or_update(Data(name="rows", path=folder / "rows", type="uri_folder"))
    environment = ml.environments.create_or_update(Environment(name="e", image=IMAGE))
    rows = f"azureml:rows:{data.version}"
    model = _train(ml, rows, f"azureml:e:{environment.version}", folder)
    _score_batch(ml, model, rows, f"azureml:e:{environment.version}", folder)
    _score_online(ml, model, f"azureml:e:{environment.version}", folder)
    for kind in (ml.batch_endpoints, ml.online_endpoints):
        for each in kind.list():
            kind.begin_delete(each.name).result()
        assert not list(kind.list())


def _create_workspace() -> MLClient:
    ml = MLClient(DefaultAzureCredential(), SUBSCRIPTION, "cycle", "cycle")
    workspace = ml.workspaces.begin_create(Workspace(name="cycle", location="westeurope")).result()
    assert ml.workspaces.get("cycle").location == workspace.location == "westeurope"
    cluster = AmlCompute(name="cpu", size="STANDARD_DS3_V2", min_instances=0, max_instances=2)
    assert ml.compute.begin_create_or_update(cluster).result().max_instances == 2
    return ml


def _train(ml: MLClient, rows: str, environment: str, folder: Path) -> str:
    """Run a job, compare its output, and register that as a model."""
    job = command(
        command="cat ${{inputs.rows}}/*.txt | tr -d '\\n' > ${{outputs.model}}/factor.txt",
        inputs={"rows": Input(type="uri_folder", path=rows)},
        outputs={"model": {"type": "uri_folder"}},
        environment=environment,
        compute="cpu",
        experiment_name="cycle",
    )
    job = ml.jobs.create_or_update(job)
    ml.jobs.stream(job.name)
    assert ml.jobs.get(job.name).status == "Completed"
    assert job.name in [each.name for each in ml.jobs.list()]
    ml.jobs.download(job.name, download_path=folder / "job", output_name="model")
    (output,) = (folder / "job").rglob("factor.txt")
    assert output.read_text(encoding="utf-8") == "25"
    model = ml.models.create_or_update(
        Model(name="factor", path=f"azureml://jobs/{job.name}/outputs/model")
    )
    ml.models.download("factor", model.version, download_path=folder / "download")
    assert [path.read_text() for path in (folder / "download").rglob("factor.txt")] == ["25"]
    return f"azureml:factor:{model.version}"


def _score_batch(ml: MLClient, model: str, rows: str, environment: str, folder: Path) -> None:
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="cycle-batch")).result()
    deployment = ModelBatchDeployment(
        name="blue",
        endpoint_name="cycle-batch",
        model=model,
        environment=environment,
        compute="cpu",
        code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="batch.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=1),
    )
    ml.batch_deployments.begin_create_or_update(deployment).result()
    endpoint = ml.batch_endpoints.get("cycle-batch")
    endpoint.defaults = {"deployment_name": "blue"}
    endpoint = ml.batch_endpoints.begin_create_or_update(endpoint).result()
    job = ml.batch_endpoints.invoke(
        "cycle-batch", deployment_name="blue", inputs={"rows": Input(type="uri_folder", path=rows)}
    )
    ml.jobs.stream(job.name)
    ml.jobs.download(job.name, download_path=folder / "scores", output_name="score")
    (scores,) = (folder / "scores").rglob("predictions.csv")
    assert sorted(scores.read_text(encoding="utf-8").split()) == ["a=50", "b=125"]


def _score_online(ml: MLClient, model: str, environment: str, folder: Path) -> None:
    endpoint = ManagedOnlineEndpoint(name="cycle-online", auth_mode="key")
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="cycle-online",
        model=model,
        environment=environment,
        code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="online.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    ml.online_deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    (folder / "request.json").write_text("[1, 3]", encoding="utf-8")
    answer = ml.online_endpoints.invoke("cycle-online", request_file=folder / "request.json")
    assert json.loads(answer) == [25, 75], answer
    assert ml.online_endpoints.get("cycle-online").traffic == {"blue": 100}
    assert ml.online_endpoints.get_keys("cycle-online").primary_key
    assert ml.online_deployments.get_logs("blue", "cycle-online", lines=10)


if __name__ == "__main__":
    main()
