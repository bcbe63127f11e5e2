"""Creates a workspace with objects of all kinds through the SDK; run it with the client environment.

Prints a JSON object with the links of two jobs: one has completed, the other waits for the file in
the first argument. No annotations from the future here: ``dsl.pipeline`` reads those of its function.
"""

import json
import sys
import tempfile
import time
import zlib
from io import StringIO
from pathlib import Path

from azure.ai.ml import Input, MLClient, command, dsl, load_component
from azure.ai.ml.dsl._condition import condition
from azure.ai.ml.dsl._parallel_for import parallel_for
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    CodeConfiguration,
    Data,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
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

# Code that imports mlflow and sklearn starts with its imports done.
TRIAL = """
import sys
import mlflow, sklearn
mlflow.log_metric("score", float(sys.argv[1]))
"""

SCORE = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

def init():
    print("the model is loaded")

@input_schema("rows", StandardPythonParameterType([{"age": 42, "income": 1500.0}]))
def run(rows):
    return [each["income"] > 1000 for each in rows]
"""


def component(
    name: str, title: str, line: str, inputs: str, outputs: str = "out: {type: uri_folder}"
):
    """A component of a command."""
    return load_component(
        StringIO(
            f"""
name: {name}
version: "1"
display_name: {title}
description: "{title}: an example of a component."
type: command
inputs: {{{inputs}}}
outputs: {{{outputs}}}
environment: azureml:sk:1
command: {json.dumps(line)}
"""
        )
    )


DATA = "data: {type: uri_folder, description: The rows of an earlier step}"


def submit_pipeline(ml: MLClient) -> str:
    """A pipeline with a branch, a loop, a pipeline in it, and a step that fails."""
    prepare = component(
        "prepare",
        "Prepare the rows",
        "cp ${{inputs.rows}} ${{outputs.out}}/rows.csv",
        "rows: {type: uri_file, description: A table with a header}, "
        "share: {type: number, default: 0.8, min: 0, max: 1, description: The share of the training rows}, "
        "kind: {type: string, enum: [plain, weighted], optional: true}",
    )
    prepare = ml.components.create_or_update(prepare)
    train = component("train", "Train", "echo model > ${{outputs.out}}/model", DATA)
    check = component(
        "check",
        "Check the rows",
        "echo True > ${{outputs.good}}",
        DATA,
        "good: {type: boolean, is_control: true}",
    )
    fold = component(
        "fold", "Fold", "echo ${{inputs.n}} > ${{outputs.out}}/n", "n: {type: integer}"
    )
    fail = component("publish", "Publish", "echo it fails; false", DATA)

    @dsl.pipeline(name="evaluate", display_name="Evaluate", description="A pipeline component.")
    def evaluate(data: Input(type="uri_folder")):
        metrics = train(data=data)
        train(data=metrics.outputs.out).name = "report"
        return {"metrics": metrics.outputs.out}

    evaluate = ml.components.create_or_update(evaluate, version="1")

    @dsl.pipeline(
        default_compute="c-1",
        display_name="Train, check and publish",
        experiment_name="shown",
        continue_on_step_failure=True,
    )
    def whole(rows: Input(type="uri_file"), share: float):
        prepared = prepare(rows=rows, share=share)
        checked = check(data=prepared.outputs.out)
        full_model, small_model = train(data=prepared.outputs.out), train(data=prepared.outputs.out)
        condition(condition=checked.outputs.good, true_block=full_model, false_block=small_model)
        fold_body = fold()
        parallel_for(body=fold_body, items=[{"n": 1}, {"n": 2}]).name = "folds"
        evaluation = evaluate(data=full_model.outputs.out)
        publish = fail(data=evaluation.outputs.metrics)
        publish.display_name = "Publish <the> model & write to all of its users"
        return {"model": full_model.outputs.out}

    job = whole(rows=Input(type="uri_file", path="azureml:rows:1"), share=0.75)
    job.outputs.model.name, job.outputs.model.version = "trained-model", "1"
    job = ml.jobs.create_or_update(job)
    while ml.jobs.get(job.name).status not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.2)
    return job.name


def submit_running_pipeline(ml: MLClient, go: str) -> str:
    """A pipeline whose first step waits for a file, and whose second step does not end."""

    def wait(file: str, **inputs):
        return command(
            command=f"until [ -e '{file}' ]; do sleep 0.1; done",
            inputs=inputs,
            outputs={"out": {"type": "uri_folder"}},
            environment="azureml:sk:1",
            compute="c-1",
        )

    @dsl.pipeline(display_name="A pipeline that runs")
    def running():
        first = wait(go)()
        second = wait(f"{go}.never", data=Input(type="uri_folder"))(data=first.outputs.out)
        second.display_name = "the second step"

    return ml.jobs.create_or_update(running()).name


def submit_sweep(ml: MLClient) -> str:
    """A sweep of two trials."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "trial.py").write_text(TRIAL)
        trial = command(
            code=folder,
            command="python trial.py ${{inputs.x}}",
            inputs={"x": 0},
            environment="azureml:sk:1",
        )
        sweep = trial(x=Choice([1, 2])).sweep(
            sampling_algorithm="grid", primary_metric="score", goal="maximize", max_total_trials=2
        )
        sweep = ml.jobs.create_or_update(sweep)
    ml.jobs.stream(sweep.name)
    return str(sweep.name)


def write_data(folder: Path) -> list[tuple[str, str, str]]:
    """Writes files of all kinds with a preview; their names, paths and types."""
    import pyarrow as pa
    from pyarrow import parquet

    lines = [
        f'{number},"customer {number}",{number * 1.5},2026-01-{number % 28 + 1:02}'
        for number in range(1, 120)
    ]
    (folder / "customers.csv").write_text("\n".join(["id,name,amount,since", *lines]))
    columns = {f"measure_{number}": [number * 0.1] * 60 for number in range(12)}
    parquet.write_table(pa.table(columns), folder / "measures.parquet")
    (folder / "images").mkdir()
    (folder / "images" / "first.txt").write_text("one")
    (folder / "table").mkdir()
    (folder / "table" / "MLTable").write_text("type: mltable\npaths:\n  - file: ./rows.csv\n")
    (folder / "table" / "rows.csv").write_text("a\n1\n")
    (folder / "chart.png").write_bytes(_png(240, 120))
    (folder / "broken.parquet").write_text("no table")
    return [
        ("customers", "customers.csv", "uri_file"),
        ("measures", "measures.parquet", "uri_file"),
        ("images", "images", "uri_folder"),
        ("table", "table", "mltable"),
        ("chart", "chart.png", "uri_file"),
        ("broken", "broken.parquet", "uri_file"),
    ]


def _png(width: int, height: int) -> bytes:
    """A picture with bars."""
    rows = b"".join(
        b"\0"
        + bytes(60 if row > height - (column // 24 + 1) * 11 else 230 for column in range(width))
        for row in range(height)
    )
    parts = (
        (b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0])),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


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
        for data, path, kind in write_data(folder):
            ml.data.create_or_update(
                Data(
                    name=data,
                    version="1",
                    path=str(folder / path),
                    type=kind,
                    tags={"source": "seed"},
                )
            )
        (folder / "score").mkdir()
        (folder / "score" / "score.py").write_text(SCORE)
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
        endpoint = ManagedOnlineEndpoint(name="online-1", auth_mode="key")
        endpoint = ml.online_endpoints.begin_create_or_update(endpoint).result()
        ml.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name="green",
                endpoint_name="online-1",
                code_configuration=CodeConfiguration(str(folder / "score"), "score.py"),
                environment="azureml:sk:1",
                instance_type="Standard_E4s_v3",
                instance_count=2,
            )
        ).result()
    path = f"azureml://jobs/{done.name}/outputs/artifacts/paths/model/"
    ml.models.create_or_update(Model(name="sum", version="1", path=path, type="mlflow_model"))
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
    batch = ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch-1")).result()
    for name in ("weekly", "nightly"):
        ml.batch_deployments.begin_create_or_update(
            ModelBatchDeployment(
                name=name,
                endpoint_name="batch-1",
                model="azureml:sum:1",
                compute="c-1",
                settings=ModelBatchDeploymentSettings(mini_batch_size=5, instance_count=2),
            )
        ).result()
    batch.defaults.deployment_name = "nightly"
    ml.batch_endpoints.begin_create_or_update(batch).result()
    ml.batch_endpoints.invoke(
        endpoint_name="batch-1", input=Input(type="uri_file", path="azureml:rows:1")
    )
    pipeline = submit_pipeline(ml)
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
    sweep = submit_sweep(ml)
    keys = ml.online_endpoints.get_keys("online-1")
    seeded = {
        "done": ml.jobs.get(done.name).studio_url,
        "waits": waits.studio_url,
        "name": done.name,
        "sweep": sweep,
        "pipeline": pipeline,
        "running": submit_running_pipeline(ml, f"{go}.pipeline"),
        "busy": busy.name,
        "secrets": [keys.primary_key, keys.secondary_key, "hunter2"],
    }
    sys.stdout.write("\n" + json.dumps(seeded))


main(sys.argv[1])
