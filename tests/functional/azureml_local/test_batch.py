"""Batch endpoints by the unmodified SDK: scripts, mini-batches, retries, formats, pipelines."""

from __future__ import annotations

import pytest
import requests

pytestmark = pytest.mark.functional

COUNTS = """
import os
from pathlib import Path
import pandas as pd
def init():
    global word, calls
    word = (Path(os.environ["AZUREML_MODEL_DIR"]) / "word.txt").read_text()
    calls = Path(os.environ["CALLS"])
def run(mini_batch):
    with (calls / str(os.getpid())).open("a") as file:
        file.write(f"{len(mini_batch)}\\n")
    found = []
    for path in map(Path, mini_batch):
        text = path.read_text()
        tries = calls / f"tried-{path.name}"
        if text.startswith("fails once") and not tries.exists():
            tries.touch()
            raise ValueError(f"{path.name} is not to be read yet")
        if text.startswith("always fails"):
            raise ValueError(f"{path.name} is not to be read")
        if text.startswith("hangs once") and not tries.exists():
            tries.touch()
            import time; time.sleep(60)
        if text.startswith("kills once") and not tries.exists():
            tries.touch()
            os._exit(9)
        found.append([path.name, len(text), word])
    return pd.DataFrame(found, columns=["file", "letters", "word"])
"""
WRITES = """
import os
from pathlib import Path
def init():
    pass
def run(mini_batch):
    folder = Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
    for path in map(Path, mini_batch):
        (folder / f"{path.stem}.out").write_text(path.read_text().upper())
    return mini_batch
"""

SHOUTING = """
type: pipeline
name: shouting
inputs:
  text: {type: uri_file}
  most: {type: integer, default: 3}
outputs:
  out: {type: uri_folder}
jobs:
  upper:
    type: command
    component: azureml:upper:VERSION
    inputs:
      text: ${{parent.inputs.text}}
      most: ${{parent.inputs.most}}
    outputs:
      out: ${{parent.outputs.out}}
"""


@pytest.fixture(scope="module")
def ml(client, tmp_path_factory):
    from azure.ai.ml.entities import AmlCompute, BatchEndpoint, Environment, Model

    ml_client = client("batch")
    ml_client.environments.create_or_update(Environment(name="e", image="none:1"))
    ml_client.compute.begin_create_or_update(
        AmlCompute(name="cpu", size="s", max_instances=2)
    ).result()
    folder = tmp_path_factory.mktemp("word")
    (folder / "word.txt").write_text("said")
    ml_client.models.create_or_update(
        Model(name="word", version="1", path=str(folder / "word.txt"), type="custom_model")
    )
    ml_client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="files")).result()
    return ml_client


@pytest.fixture
def deploy(ml, tmp_path):
    """A function that deploys a script under a name."""
    from azure.ai.ml.entities import (
        BatchRetrySettings,
        CodeConfiguration,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    def make(name: str, script: str, *, timeout: int = 300, retries: int = 1, size=10, **settings):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "batch.py").write_text(script)
        calls = tmp_path / "calls"
        calls.mkdir(exist_ok=True)
        ml.batch_deployments.begin_create_or_update(
            ModelBatchDeployment(
                name=name, endpoint_name="files", model="azureml:word:1", compute="cpu",
                environment="azureml:e:1",
                code_configuration=CodeConfiguration(code=str(folder), scoring_script="batch.py"),
                settings=ModelBatchDeploymentSettings(
                    mini_batch_size=size,
                    environment_variables={"CALLS": str(calls)},
                    retry_settings=BatchRetrySettings(max_retries=retries, timeout=timeout),
                    **settings,
                ),
            )
        ).result()  # fmt: skip
        return calls

    return make


@pytest.fixture
def score(ml, tmp_path):
    """A function that scores files and gives the downloaded output's folder."""
    from azure.ai.ml import Input

    def run(name: str, files: dict[str, str], **more):
        folder = tmp_path / f"in-{name}"
        folder.mkdir(exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        job = ml.batch_endpoints.invoke(
            "files", deployment_name=name, input=Input(type="uri_folder", path=str(folder)), **more
        )
        ml.jobs.stream(job.name)
        ml.jobs.download(job.name, download_path=tmp_path / f"out-{name}", output_name="score")
        return tmp_path / f"out-{name}"

    return run


def lines(folder, name: str = "predictions.csv") -> list[str]:
    [actual] = folder.rglob(name)
    return actual.read_text().splitlines()


def test_a_script_gets_mini_batches_of_files(ml, deploy, score):
    calls = deploy("counts", COUNTS, size=2, max_concurrency_per_instance=2, output_file_name="counted.txt")  # fmt: skip
    files = {f"{n}.txt": "x" * n for n in range(1, 6)}
    assert lines(score("counts", files), "counted.txt") == [
        f"{n}.txt {n} said" for n in range(1, 6)
    ]
    assert sorted(line for path in calls.iterdir() for line in path.read_text().split()) == [
        "1",
        "2",
        "2",
    ]
    ml.batch_endpoints.list_jobs("files")


def test_what_fails_is_tried_again(deploy, score):
    deploy("again", COUNTS, size=1, error_threshold=0, timeout=4)
    files = {"a.txt": "fails once", "b.txt": "kills once", "c.txt": "fine", "d.txt": "hangs once"}
    assert [line.split()[0] for line in lines(score("again", files))] == list(files)


def test_files_that_fail_count_against_the_threshold(ml, deploy, score):
    from azure.ai.ml.exceptions import JobException

    deploy("some", COUNTS, size=1, error_threshold=1, retries=0)
    files = {"a.txt": "always fails", "b.txt": "fine"}
    assert lines(score("some", files)) == ["b.txt 4 said"]
    with pytest.raises(JobException, match="error_threshold"):
        score("some", files | {"c.txt": "always fails"})
    assert lines(
        score("some", {}, params_override=[{"error_threshold": 5}, {"mini_batch_size": 1}])
    )


def test_summary_only_leaves_what_the_script_wrote(deploy, score):
    deploy("writes", WRITES, output_action="summary_only")
    actual = score("writes", {"a.txt": "one", "b.txt": "two"})
    assert {p.name: p.read_text() for p in actual.rglob("*.*")} == {"a.out": "ONE", "b.out": "TWO"}


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("broken", "raise ValueError('no key')", "ValueError: no key"),
        ("killed", "import os; print('starts'); os.kill(os.getpid(), 9)", "exit code -9"),
    ],
)
def test_a_script_that_cannot_start_fails_the_job_with_its_words(deploy, score, name, line, reason):
    from azure.ai.ml.exceptions import JobException

    deploy(name, f"def init():\n    {line}\ndef run(files):\n    return files\n")
    with pytest.raises(JobException, match=reason):
        score(name, {"a.txt": "x"})


def test_a_deployment_is_refused_if_the_files_of_its_model_are_gone(ml, local, tmp_path):
    from azure.ai.ml.entities import Model, ModelBatchDeployment
    from azure.core.exceptions import ResourceNotFoundError

    (tmp_path / "gone.txt").write_text("x")
    ml.models.create_or_update(Model(name="gone", version="1", path=tmp_path / "gone.txt"))
    for file in local.data.rglob("gone.txt"):
        file.unlink()
    deployment = ModelBatchDeployment(
        name="gone", endpoint_name="files", model="azureml:gone:1", compute="cpu"
    )
    with pytest.raises(ResourceNotFoundError) as raised:
        ml.batch_deployments.begin_create_or_update(deployment).result()
    assert (raised.value.status_code, raised.value.error.target) == (404, "model")
    assert "gone:1" in raised.value.message
    assert "gone" not in [each.name for each in ml.batch_deployments.list("files")]


def test_an_mlflow_model_scores_csv_and_parquet_and_a_data_asset(ml, tmp_path):
    import mlflow
    import pandas as pd
    from azure.ai.ml import Input, Output
    from azure.ai.ml.entities import Data, Model, ModelBatchDeployment, ModelBatchDeploymentSettings
    from mlflow.models import infer_signature
    from sklearn.tree import DecisionTreeClassifier

    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0]})
    mlflow.sklearn.save_model(
        DecisionTreeClassifier().fit(rows, [0, 0, 1, 1]), tmp_path / "m",
        signature=infer_signature(rows, [0]), pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )  # fmt: skip
    model = ml.models.create_or_update(Model(name="tree", path=tmp_path / "m", type="mlflow_model"))
    ml.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="tree", endpoint_name="files", model=f"azureml:tree:{model.version}", compute="cpu",
            settings=ModelBatchDeploymentSettings(mini_batch_size=10, error_threshold=0),
        )
    ).result()  # fmt: skip
    (tmp_path / "in").mkdir()
    rows.to_csv(tmp_path / "in" / "rows.csv", index=False)
    rows.iloc[::-1].to_parquet(tmp_path / "in" / "rows.parquet")
    (tmp_path / "in" / "notes.txt").write_text("not to be scored")
    data = ml.data.create_or_update(Data(name="in", path=str(tmp_path / "in"), type="uri_folder"))
    target = "azureml://datastores/workspaceblobstore/paths/elsewhere/found.csv"
    job = ml.batch_endpoints.invoke(
        "files",
        deployment_name="tree",
        inputs={"data": Input(type="uri_folder", path=f"azureml:in:{data.version}")},
        outputs={"score": Output(type="uri_file", path=target)},
        experiment_name="nightly",
    )
    ml.jobs.stream(job.name)
    assert job.name in [each.name for each in ml.batch_endpoints.list_jobs("files")]
    assert ml.jobs.get(job.name).experiment_name == "nightly"
    ml.jobs.download(job.name, download_path=tmp_path / "out", output_name="score")
    assert lines(tmp_path / "out", "found.csv") == [
        "0,0,rows.csv", "1,0,rows.csv", "2,1,rows.csv", "3,1,rows.csv",
        "0,1,rows.parquet", "1,1,rows.parquet", "2,0,rows.parquet", "3,0,rows.parquet",
    ]  # fmt: skip


def test_a_call_without_a_name_goes_to_the_default_deployment(ml, local, deploy, tmp_path):
    """By itself: after a call with a name the SDK sends that name with every later one."""
    from azure.ai.ml.entities import Data

    deploy("chosen", WRITES)
    endpoint = ml.batch_endpoints.get("files")
    endpoint.defaults.deployment_name = "chosen"
    ml.batch_endpoints.begin_create_or_update(endpoint).result()
    (tmp_path / "text.txt").write_text("x")
    data = ml.data.create_or_update(Data(name="one", path=tmp_path / "text.txt", type="uri_file"))
    job_input = {"jobInputType": "UriFile", "uri": data.id}
    answer = requests.post(
        endpoint.scoring_uri,
        json={"properties": {"inputData": {"data": job_input}}},
        headers={"Authorization": f"Bearer {local.state()['env']['MLFLOW_TRACKING_TOKEN']}"},
        timeout=120,
    )
    assert answer.status_code == 201, answer.text
    ml.jobs.stream(answer.json()["name"])
    ml.jobs.download(answer.json()["name"], download_path=tmp_path / "out", output_name="score")
    assert [path.read_text() for path in (tmp_path / "out").rglob("text.out")] == ["X"]


def test_a_pipeline_component_is_deployed_and_takes_parameters(ml, tmp_path):
    from azure.ai.ml import Input, command, load_component
    from azure.ai.ml.entities import BatchEndpoint, PipelineComponentBatchDeployment
    from azure.core.exceptions import HttpResponseError

    step = command(
        name="upper",
        command="tr a-z A-Z < ${{inputs.text}} | head -c ${{inputs.most}} > ${{outputs.out}}/text.txt",
        inputs={"text": Input(type="uri_file"), "most": Input(type="integer", default=3)},
        outputs={"out": {"type": "uri_folder"}},
        environment="azureml:e:1",
    )
    created = ml.components.create_or_update(step.component)

    (tmp_path / "shouting.yml").write_text(SHOUTING.replace("VERSION", created.version))
    component = ml.components.create_or_update(load_component(tmp_path / "shouting.yml"))
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="shouts")).result()
    ml.batch_deployments.begin_create_or_update(
        PipelineComponentBatchDeployment(
            name="one", endpoint_name="shouts", component=component,
            settings={"default_compute": "cpu", "continue_on_step_failure": False},
        )
    ).result()  # fmt: skip
    (tmp_path / "text.txt").write_text("quiet")
    text = Input(type="uri_file", path=str(tmp_path / "text.txt"))
    job = ml.batch_endpoints.invoke(
        "shouts",
        deployment_name="one",
        inputs={"text": text, "most": Input(type="integer", default=4)},
    )
    ml.jobs.stream(job.name)
    ml.jobs.download(job.name, download_path=tmp_path / "out", output_name="out")
    assert [path.read_text() for path in (tmp_path / "out").rglob("text.txt")] == ["QUIE"]
    with pytest.raises(HttpResponseError, match="volume"):
        ml.batch_endpoints.invoke(
            "shouts", deployment_name="one",
            inputs={"text": text, "volume": Input(type="integer", default=4)},
        )  # fmt: skip
    with pytest.raises(HttpResponseError, match="text"):
        ml.batch_endpoints.invoke("shouts", deployment_name="one", inputs={"most": Input(type="integer", default=1)})  # fmt: skip
