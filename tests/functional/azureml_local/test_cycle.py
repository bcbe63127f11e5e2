"""From a training job to deployments of the model, with the unmodified SDK over TLS; then a restart."""

from __future__ import annotations

import os
import time

import pytest
import requests
from tests.functional.azureml_local.sdk_jobs import wait_for_end, wait_for_status

pytestmark = pytest.mark.functional

TRAIN = """
import sys, tempfile
import mlflow, pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
rows = pd.read_csv(sys.argv[1])
features = rows[["a", "b"]].astype(float)
model = LogisticRegression(C=float(sys.argv[2])).fit(features, rows["y"])
with mlflow.start_run():
    mlflow.log_metric("accuracy", model.score(features, rows["y"]))
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            model, folder + "/m", signature=infer_signature(features, model.predict(features)),
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"],
        )
        mlflow.log_artifacts(folder + "/m", artifact_path="model")
print("trained on", len(rows))
"""
ROWS = "a,b,y\n" + "".join(f"{i},{i % 3},{int(i > 10)}\n" for i in range(21))


@pytest.fixture(scope="module")
def trained(client, tmp_path_factory):
    """A completed job, with its data registered."""
    from azure.ai.ml import Input, command
    from azure.ai.ml.entities import Data, Environment

    folder = tmp_path_factory.mktemp("code")
    (folder / "code").mkdir()
    (folder / "code" / "train.py").write_text(TRAIN)
    (folder / "rows.csv").write_text(ROWS)
    ml_client = client()
    environment = ml_client.environments.create_or_update(Environment(name="e", image="none:1"))
    data = ml_client.data.create_or_update(
        Data(name="rows", path=str(folder / "rows.csv"), type="uri_file")
    )
    job = command(
        code=str(folder / "code"),
        command="python train.py ${{inputs.rows}} ${{inputs.c}} && echo text > ${{outputs.out}}/a.txt",
        inputs={"rows": Input(type="uri_file", path=f"azureml:rows:{data.version}"), "c": 2.5},
        outputs={"out": {"type": "uri_folder"}},
        environment=f"azureml:e:{environment.version}",
        experiment_name="cycle",
    )
    job = ml_client.jobs.create_or_update(job)
    ml_client.jobs.stream(job.name)
    return ml_client.jobs.get(job.name)


@pytest.fixture(scope="module")
def model(client, trained):
    from azure.ai.ml.entities import Model

    path = f"azureml://jobs/{trained.name}/outputs/artifacts/paths/model/"
    return client().models.create_or_update(Model(name="m", path=path, type="mlflow_model"))


@pytest.fixture(scope="module")
def online(client, model):
    """An online endpoint with the deployment ``one`` that has all traffic."""
    from azure.ai.ml.entities import (
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        OnlineRequestSettings,
    )

    ml_client = client()
    ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="online-1", auth_mode="key")
    ).result()
    for name in ("one", "two"):
        ml_client.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name=name,
                endpoint_name="online-1",
                model=f"azureml:m:{model.version}",
                instance_type="Standard_DS3_v2",
                instance_count=1,
                request_settings=OnlineRequestSettings(request_timeout_ms=30_000),
            )
        ).result()
    endpoint = ml_client.online_endpoints.get("online-1")
    endpoint.traffic = {"one": 100}
    return ml_client.online_endpoints.begin_create_or_update(endpoint).result()


def split(*rows):
    return {"input_data": {"columns": ["a", "b"], "data": [list(row) for row in rows]}}


def ask(endpoint, ml_client, payload, **headers):
    key = ml_client.online_endpoints.get_keys(endpoint.name).primary_key
    headers = {"Authorization": f"Bearer {key}"} | headers
    return requests.post(endpoint.scoring_uri, json=payload, headers=headers, timeout=120)


def test_an_environment_gets_a_new_version_only_for_new_content(client):
    from azure.ai.ml.entities import Environment

    environments = client().environments
    versions = [
        environments.create_or_update(Environment(name="auto", image=image)).version
        for image in ("a:1", "a:1", "a:2")
    ]
    assert versions == ["1", "1", "2"]
    assert environments.get("auto", label="latest").version == "2"


def test_an_explicit_version_is_immutable_and_what_is_missing_is_said_so(client):
    from azure.ai.ml.entities import Environment
    from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

    environments = client().environments
    environments.create_or_update(Environment(name="fixed", version="7", image="a:1"))
    with pytest.raises(ResourceExistsError, match="exists with another image"):
        environments.create_or_update(Environment(name="fixed", version="7", image="a:2"))
    with pytest.raises(ResourceNotFoundError, match="Environment fixed:8 was not found"):
        environments.get("fixed", "8")


def test_workspaces_are_apart(client, trained):
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError):
        client("prod").jobs.get(trained.name)
    assert client("prod").workspaces.get("prod").name == "prod"


def test_a_job_runs_and_its_mlflow_run_has_its_name(client, trained):
    import mlflow

    assert trained.status == "Completed"
    mlflow.set_tracking_uri(client().workspaces.get("dev").mlflow_tracking_uri)
    run = mlflow.get_run(trained.name)
    assert run.data.metrics == {"accuracy": 1.0}
    assert run.info.status == "FINISHED"
    assert "model/MLmodel" in artifact_names(trained.name, "model")


def test_a_jobs_outputs_are_downloaded(client, trained, tmp_path):
    client().jobs.download(trained.name, download_path=tmp_path, output_name="out")
    assert [path.read_text() for path in tmp_path.rglob("a.txt")] == ["text\n"]


def artifact_names(run: str, folder: str) -> set[str]:
    """Without mlflow.artifacts, which asks for logged models too."""
    import mlflow
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(mlflow.get_run(run).info.artifact_uri)
    return {item.path for item in repository.list_artifacts(folder)}


def test_logged_models_are_refused_as_on_azure(client, trained):
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(client().workspaces.get("dev").mlflow_tracking_uri)
    with pytest.raises(MlflowException, match="logged models"):
        mlflow.initialize_logged_model(name="m", source_run_id=trained.name)


def test_a_failed_job_says_why_in_the_words_of_its_log(client):
    from azure.ai.ml import command
    from azure.ai.ml.exceptions import JobException

    jobs = client().jobs
    job = jobs.create_or_update(
        command(
            command="echo before; python -c 'raise ValueError(\"no column Age\")'",
            environment="azureml:e:1",
        )
    )
    with pytest.raises(JobException, match="ValueError: no column Age"):
        jobs.stream(job.name)
    assert jobs.get(job.name).status == "Failed"


def test_a_running_job_can_be_cancelled(client):
    from azure.ai.ml import command

    ml = client()
    job = ml.jobs.create_or_update(command(command="sleep 300", environment="azureml:e:1"))
    wait_for_status(ml, job.name, "Running")
    ml.jobs.begin_cancel(job.name)
    assert wait_for_end(ml, job.name).status == "Canceled"


def test_a_model_of_a_job_is_downloaded_whole(client, model, tmp_path):
    client().models.download("m", model.version, download_path=tmp_path)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"MLmodel", "model.pkl", "conda.yaml"} <= names


def test_batch_scores_every_row_with_and_without_a_header(client, model, tmp_path):
    from azure.ai.ml import Input
    from azure.ai.ml.entities import (
        BatchEndpoint,
        BatchRetrySettings,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    ml_client = client()
    ml_client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch-1")).result()
    ml_client.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="one",
            endpoint_name="batch-1",
            model=f"azureml:m:{model.version}",
            compute="cpu",
            settings=ModelBatchDeploymentSettings(
                mini_batch_size=10,
                error_threshold=0,
                retry_settings=BatchRetrySettings(max_retries=1, timeout=120),
            ),
        )
    ).result()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "headed.csv").write_text("b,extra,a\n0,x,1\n0,x,20\n")
    (tmp_path / "in" / "plain.csv").write_text("20,0\n1,0\n20,1\n")
    job = ml_client.batch_endpoints.invoke(
        "batch-1", deployment_name="one", input=Input(type="uri_folder", path=str(tmp_path / "in"))
    )
    ml_client.jobs.stream(job.name)
    ml_client.jobs.download(job.name, download_path=tmp_path / "out", output_name="score")
    (actual,) = (tmp_path / "out").rglob("predictions.csv")
    rows = [line.split(",") for line in actual.read_text().splitlines()]
    assert [(row[2], row[1]) for row in rows] == [
        ("headed.csv", "0"), ("headed.csv", "1"), ("plain.csv", "1"), ("plain.csv", "0"), ("plain.csv", "1"),
    ]  # fmt: skip


def test_a_batch_job_with_a_bad_file_fails_and_leaves_no_predictions(client, model, tmp_path):
    from azure.ai.ml import Input
    from azure.ai.ml.exceptions import JobException

    (tmp_path / "bad.csv").write_text("1,2,3\n")
    ml_client = client()
    job = ml_client.batch_endpoints.invoke(
        "batch-1",
        deployment_name="one",
        input=Input(type="uri_file", path=str(tmp_path / "bad.csv")),
    )
    with pytest.raises(JobException, match="error_threshold is 0"):
        ml_client.jobs.stream(job.name)


def test_online_answers_as_azure_does(client, online):
    ml_client = client()
    for body in (
        split([1.0, 0], [20, 0]),
        {"input_data": {"columns": ["b", "a"], "index": [0, 1], "data": [[0, 1], [0, 20]]}},
    ):
        answer = ask(online, ml_client, body)
        assert (answer.status_code, answer.json()) == (200, [0, 1])
        assert answer.headers["azureml-model-deployment"] == "one"
    named = ask(online, ml_client, split([1, 0]), **{"azureml-model-deployment": "two"})
    assert named.headers["azureml-model-deployment"] == "two"


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({}, "400"),
        ({"input_data": 3}, "500"),
        ({"input_data": [[1, 2]]}, "500"),
        (split(["many", 1]), "500"),
        ({"input_data": {"columns": ["a"], "data": [[1]]}}, "500"),
    ],
)
def test_online_refuses_what_azure_refuses(client, online, payload, status):
    answer = ask(online, client(), payload)
    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == status
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"
    assert answer.json()["message"]
    assert status == "400" or answer.json()["error"]["code"] == "BadRequest"


def test_online_wants_a_key_and_a_deployment_that_exists(client, online):
    ml_client = client()
    body = split([1, 0])
    assert ask(online, ml_client, body, Authorization="Bearer no").status_code == 401
    assert ask(online, ml_client, body, **{"azureml-model-deployment": "three"}).status_code == 404


@pytest.mark.parametrize(
    "traffic",
    [{"one": 50}, {"nine": 100}],
)
def test_traffic_follows_azures_rules(client, online, traffic):
    from azure.core.exceptions import HttpResponseError

    endpoints = client().online_endpoints
    endpoint = endpoints.get("online-1")
    endpoint.traffic = traffic
    with pytest.raises(HttpResponseError) as refused:
        endpoints.begin_create_or_update(endpoint).result()
    assert refused.value.error.target == "traffic"


def test_traffic_is_split_by_the_map(client, online):
    ml_client = client()
    endpoint = ml_client.online_endpoints.get("online-1")
    endpoint.traffic = {"one": 30, "two": 70}
    ml_client.online_endpoints.begin_create_or_update(endpoint).result()
    key = ml_client.online_endpoints.get_keys("online-1").primary_key
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        body = split([1, 0])
        names = [
            session.post(online.scoring_uri, json=body, timeout=120).headers[
                "azureml-model-deployment"
            ]
            for _ in range(400)
        ]
    assert 0.2 < names.count("one") / len(names) < 0.4


def test_a_deployment_with_traffic_is_not_deleted(client, online):
    from azure.core.exceptions import ResourceExistsError

    with pytest.raises(ResourceExistsError, match="% of the traffic"):
        client().online_deployments.begin_delete("two", "online-1").result()


def test_a_deployment_that_cannot_load_fails_with_its_log(client, tmp_path, online):
    from azure.ai.ml.entities import ManagedOnlineDeployment, Model
    from azure.core.exceptions import HttpResponseError

    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "MLmodel").write_text(
        "flavors:\n  sklearn:\n    pickled_model: gone.pkl\n    serialization_format: cloudpickle\n"
    )
    ml_client = client()
    ml_client.models.create_or_update(
        Model(name="broken", version="1", path=str(tmp_path / "broken"), type="mlflow_model")
    )
    deployment = ManagedOnlineDeployment(
        name="bad",
        endpoint_name="online-1",
        model="azureml:broken:1",
        instance_type="x",
        instance_count=1,
    )
    with pytest.raises(HttpResponseError, match=r"gone\.pkl"):
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    assert "FileNotFoundError" in ml_client.online_deployments.get_logs("bad", "online-1", lines=50)
    ml_client.online_deployments.begin_delete("bad", "online-1").result()


def test_a_model_without_the_packages_of_azures_server_crashes(client, online, tmp_path):
    import mlflow
    from azure.ai.ml.entities import ManagedOnlineDeployment, Model
    from azure.core.exceptions import HttpResponseError
    from sklearn.linear_model import LinearRegression

    mlflow.sklearn.save_model(
        LinearRegression().fit([[0], [1]], [0, 1]), tmp_path / "m",
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn", "azureml-inference-server-http"],
    )  # fmt: skip
    ml_client = client()
    ml_client.models.create_or_update(
        Model(name="lacks", version="1", path=tmp_path / "m", type="mlflow_model")
    )
    deployment = ManagedOnlineDeployment(
        name="lacks", endpoint_name="online-1", model="azureml:lacks:1", instance_type="x",
        instance_count=1,
    )  # fmt: skip
    with pytest.raises(HttpResponseError, match="azureml-ai-monitoring") as refused:
        ml_client.online_deployments.begin_create_or_update(deployment).result()
    assert refused.value.error.code == "ContainerCrashed"
    log = ml_client.online_deployments.get_logs("lacks", "online-1", lines=50)
    assert "ModuleNotFoundError: No module named 'azureml.ai'" in log
    ml_client.online_deployments.begin_delete("lacks", "online-1").result()


def test_requests_without_our_token_are_refused(local):
    url = local.state()["url"]
    bundle = os.environ["REQUESTS_CA_BUNDLE"]
    base = f"{url}/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    for headers in ({}, {"Authorization": "Bearer a.b.c"}):
        assert requests.get(base, headers=headers, verify=bundle, timeout=10).status_code == 401
    assert requests.get(f"{url}/msi/token?resource=x", verify=bundle, timeout=10).status_code == 401
    assert (
        requests.get(
            f"{url}/mlflow/v1.0{base.removeprefix(url)}/api", verify=bundle, timeout=10
        ).status_code
        == 401
    )


def test_what_is_not_supported_says_so(local):
    env = local.state()["env"]
    token = env["MLFLOW_TRACKING_TOKEN"]
    url = f"{local.state()['url']}/subscriptions/s/providers/Microsoft.Nothing"
    answer = requests.put(
        url,
        json={},
        headers={"Authorization": f"Bearer {token}"},
        verify=env["REQUESTS_CA_BUNDLE"],
        timeout=10,
    )
    assert answer.status_code == 501
    assert "PUT /subscriptions/s/providers/Microsoft.Nothing" in answer.json()["error"]["message"]


def _statuses(jobs, parent):
    return {each.name: each.status for each in jobs.list(parent_job_name=parent)}


def test_state_and_operations_survive_sigkill(local, client, online, trained, tmp_path):
    from azure.ai.ml import command
    from azure.ai.ml.sweep import Choice

    ml_client = client()
    jobs = ml_client.jobs
    running = jobs.create_or_update(command(command="sleep 300", environment="azureml:e:1"))
    slow = command(command="sleep ${{inputs.x}}", environment="azureml:e:1", inputs={"x": 0})
    sweep = jobs.create_or_update(
        slow(x=Choice([300, 301])).sweep(
            sampling_algorithm="grid", primary_metric="m", goal="maximize", max_total_trials=2
        )
    )
    deadline = time.monotonic() + 90
    while [jobs.get(running.name).status, *_statuses(jobs, sweep.name).values()] != ["Running"] * 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ready = tmp_path / "ready"
    assert not _begin_deployment(ml_client, tmp_path / "code", ready).done()
    local.kill()
    local.start()
    deployments = ml_client.online_deployments
    assert deployments.get("slow", "online-1").provisioning_state == "Creating"
    ready.touch()
    assert jobs.get(trained.name).status == "Completed"
    assert jobs.get(running.name).status == "Failed"
    assert jobs.get(sweep.name).status == "Failed"
    assert _statuses(jobs, sweep.name) == {
        f"{sweep.name}_0": "Failed",
        f"{sweep.name}_1": "Failed",
    }
    assert ml_client.models.get("m", "1").version == "1"
    endpoint = ml_client.online_endpoints.get("online-1")
    deadline = time.monotonic() + 120
    while (answer := ask(endpoint, ml_client, split([20, 0]))).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert answer.json() == [1]
    # Not by the poller: the SDK gives up if it asks while the server starts again.
    while (created := deployments.get("slow", "online-1")).provisioning_state == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert created.provisioning_state == "Succeeded"
    deployments.begin_delete("slow", "online-1").result()


def _begin_deployment(ml_client, code, ready):
    """A deployment whose ``init`` waits for the file ``ready``."""
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

    code.mkdir()
    (code / "score.py").write_text(
        "import os, pathlib, time\n"
        "def init():\n"
        "    while not pathlib.Path(os.environ['READY']).exists(): time.sleep(0.05)\n"
        "def run(asked): return 1\n"
    )
    return ml_client.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="slow", endpoint_name="online-1", instance_type="s", instance_count=1,
            environment="azureml:e:1", environment_variables={"READY": str(ready)},
            code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        )
    )  # fmt: skip
