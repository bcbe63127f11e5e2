"""MLflow at both tracking URIs of a workspace, and its model registry."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable

import psutil
import pytest

pytestmark = pytest.mark.functional

TRAIN = """
import mlflow, numpy as np, os
from sklearn.linear_model import LogisticRegression
print("at", mlflow.get_tracking_uri())
mlflow.autolog(log_models=False)
with mlflow.start_run() as run:
    print("run", run.info.run_id, run.info.artifact_uri)
    rows = np.arange(40.0).reshape(20, 2)
    model = LogisticRegression(C=2.5).fit(rows, rows[:, 0] > 19)
    mlflow.sklearn.save_model(
        model, "m", serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
    mlflow.log_artifacts("m", artifact_path="model")
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    with mlflow.start_run(nested=True, run_name="fold"):
        mlflow.log_metric("fold_accuracy", 0.5)
    mlflow.log_text("once", "notes/one.txt")
    try:
        mlflow.log_text("twice", "notes/one.txt")
    except Exception as error:
        print("second:", error)
    mlflow.sklearn.log_model(model, name="other")
"""
ADDRESSES = ("plain", "azureml")


@pytest.fixture(scope="module")
def ml(client):
    return client("tracked")


@pytest.fixture(scope="module")
def job(ml, tmp_path_factory):
    """A job that uses azureml-mlflow, as on Azure, and fails in log_model."""
    from azure.ai.ml import command
    from azure.ai.ml.exceptions import JobException

    folder = tmp_path_factory.mktemp("code")
    (folder / "train.py").write_text(TRAIN)
    job = ml.jobs.create_or_update(
        command(
            code=str(folder),
            command="python train.py",
            environment="azureml://registries/azureml/environments/x/versions/1",
            experiment_name="tracking",
        )
    )
    with contextlib.suppress(JobException):
        ml.jobs.stream(job.name)
    return ml.jobs.get(job.name)


@pytest.fixture(scope="module")
def log(ml, job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    ml.jobs.download(job.name, download_path=folder)
    (actual,) = folder.rglob("std_log.txt")
    return actual.read_text()


@pytest.fixture
def tracked(ml, job, request):
    """MLflow with one of the two tracking URIs of the workspace."""
    import mlflow

    at = {
        "plain": ml.workspaces.get("tracked").mlflow_tracking_uri,
        "azureml": job.services["Tracking"].endpoint,
    }[request.param]
    mlflow.set_tracking_uri(at)
    mlflow.set_registry_uri(at)
    yield mlflow
    mlflow.set_registry_uri(None)


both = pytest.mark.parametrize("tracked", ADDRESSES, indirect=True)


def test_a_job_uses_azureml_mlflow_and_log_model_fails_as_on_azure(job, log):
    assert "at azureml://localhost" in log
    assert f"run {job.name} azureml://localhost" in log
    conflict = f"Resource Conflict: ArtifactId ExperimentRun/dcid.{job.name}/notes/one.txt already"
    assert f"second: UserError: {conflict}" in log
    assert job.status == "Failed"
    assert "mlflow.<flavor>.save_model(path)" in log


@both
def test_the_run_of_a_job_has_params_metrics_and_children(tracked, job):
    run = tracked.get_run(job.name)
    assert run.info.run_id == job.name
    assert run.info.status == "FAILED"
    assert run.data.params["C"] == "2.5"
    assert run.data.metrics["training_accuracy_score"] == 1.0
    history = tracked.MlflowClient().get_metric_history(job.name, "loss")
    assert [(each.step, each.value) for each in history] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    children = tracked.search_runs(
        experiment_names=["tracking"],
        filter_string=f"tags.mlflow.parentRunId = '{job.name}'",
        output_format="list",
    )
    assert [child.data.metrics["fold_accuracy"] for child in children] == [0.5]


@both
def test_artifacts_of_a_run_are_downloaded(tracked, job):
    folder = tracked.artifacts.download_artifacts(run_id=job.name, artifact_path="notes")
    text = tracked.artifacts.load_text(f"runs:/{job.name}/notes/one.txt")
    assert text == "once"
    assert folder.endswith("notes")


@both
def test_a_run_of_a_local_script(tracked, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ä b.txt").write_text("text")
    tracked.set_experiment("here")
    with tracked.start_run() as run:
        tracked.log_params({"a": 1})
        tracked.log_artifacts(str(tmp_path / "folder"), artifact_path="deep/er")
        tracked.log_metrics({"m": 2.0}, synchronous=False).wait()
    read = tracked.get_run(run.info.run_id)
    assert (read.data.params, read.data.metrics) == ({"a": "1"}, {"m": 2.0})
    assert read.info.status == "FINISHED"
    text = tracked.artifacts.load_text(f"{read.info.artifact_uri}/deep/er/ä b.txt")
    assert text == "text"


@both
def test_a_model_registered_through_mlflow_is_in_the_workspace(tracked, ml, job, request):
    name = f"by-mlflow-{request.node.callspec.params['tracked']}"
    client = tracked.MlflowClient()
    client.create_registered_model(name, tags={"team": "a"}, description="of a test")
    source = f"{tracked.get_run(job.name).info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id=job.name, tags={"k": "v"})
    assert (version.version, version.status, version.run_id) == ("1", "READY", job.name)
    shown = ml.models.get(name, "1")
    assert (shown.type, shown.tags, shown.job_name) == ("mlflow_model", {"k": "v"}, job.name)
    assert list(shown.flavors) == ["python_function", "sklearn"]
    assert ml.models.get(name, label="latest").version == "1"
    again = client.create_model_version(name, f"models:/{name}/1")
    assert (again.version, again.run_id) == ("2", job.name)
    loaded = tracked.sklearn.load_model(f"models:/{name}/2")
    assert loaded.C == 2.5
    client.transition_model_version_stage(name, "1", "Production")
    assert ml.models.get(name, "1").stage == "Production"
    latest = {each.current_stage: each.version for each in client.get_latest_versions(name)}
    assert latest == {"Production": "1", "None": "2"}
    client.set_model_version_tag(name, "2", "good", "yes")
    actual = client.search_model_versions(f"name = '{name}' and tags.good = 'yes'")
    assert [each.version for each in actual] == ["2"]
    client.delete_model_version(name, "2")
    assert [each.version for each in ml.models.list(name)] == ["1"]


@both
def test_a_model_registered_through_the_sdk_is_in_mlflows_registry(tracked, ml, tmp_path, request):
    import mlflow.exceptions
    from azure.ai.ml.entities import Model

    name = f"by-sdk-{request.node.callspec.params['tracked']}"
    (tmp_path / "weights.bin").write_bytes(b"12")
    ml.models.create_or_update(
        Model(name=name, path=str(tmp_path / "weights.bin"), tags={"a": "b"})
    )
    client = tracked.MlflowClient()
    assert name in {each.name for each in client.search_registered_models()}
    (version,) = client.search_model_versions(f"name='{name}'")
    assert (version.version, version.tags, version.current_stage) == ("1", {"a": "b"}, "None")
    file = tracked.artifacts.download_artifacts(f"models:/{name}/1")
    assert [path.read_bytes() for path in tmp_path.__class__(file).rglob("weights.bin")] == [b"12"]
    with pytest.raises(mlflow.exceptions.MlflowException) as refused:
        client.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(mlflow.exceptions.MlflowException) as refused:
        client.get_model_version(name, "7")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(mlflow.exceptions.MlflowException) as refused:
        client.set_registered_model_alias(name, "champion", "1")
    assert refused.value.error_code == "NOT_IMPLEMENTED"


@both
def test_register_model(tracked, ml, job, request):
    """With azureml-mlflow ``runs:/`` fails: it lists the whole run instead of the folder."""
    import mlflow.exceptions

    way = request.node.callspec.params["tracked"]
    name, uri = f"from-run-{way}", f"runs:/{job.name}/model"
    if way == "azureml":
        with pytest.raises(mlflow.exceptions.MlflowException, match="logged models"):
            tracked.register_model(uri, name)
        uri = f"{tracked.get_run(job.name).info.artifact_uri}/model"
    version = tracked.register_model(uri, name)
    assert (version.version, version.run_id) == ("1", job.name)
    assert ml.models.get(name, "1").type == "mlflow_model"


def test_a_local_folder_is_registered_through_azureml_mlflow(ml, job, tmp_path):
    import mlflow

    mlflow.set_tracking_uri(job.services["Tracking"].endpoint)
    actual = mlflow.artifacts.download_artifacts(f"runs:/{job.name}/model", dst_path=str(tmp_path))
    client = mlflow.MlflowClient()
    client.create_registered_model("from-here")
    client.create_model_version("from-here", f"file://{actual}")
    path = ml.models.get("from-here", "1").path
    assert "/datastores/workspaceartifactstore/paths/LocalUpload/" in path
    ml.models.download("from-here", "1", download_path=tmp_path / "again")
    assert list((tmp_path / "again").rglob("MLmodel"))


def test_mlflow_is_imported_once_and_each_workspace_has_one_fork(local, ml, job):
    def copies() -> int:
        return len(_mlflow_processes(local))

    assert copies() >= 1
    # The server of a workspace that was just deleted may still be ending.
    wait_until(lambda: copies() <= len(list(ml.workspaces.list(scope="subscription"))))
    assert not any(_children(psutil.Process(pid)) for pid in _mlflow_processes(local))


def test_a_refused_workspace_leaves_no_mlflow_server(local, client):
    from azure.ai.ml.entities import FeatureStore
    from azure.core.exceptions import HttpResponseError

    before = _mlflow_processes(local)
    ml = client("refused")
    ml.workspaces.get("refused")
    wait_until(lambda: _mlflow_processes(local) - before)
    with pytest.raises(HttpResponseError):
        ml.feature_stores.begin_create(FeatureStore(name="refused", location="x")).result()
    wait_until(lambda: not _mlflow_processes(local) - before)


def test_a_killed_mlflow_process_is_replaced(local, client):
    import requests

    before = _mlflow_processes(local)
    ml = client("ended")
    url = ml.workspaces.get("ended").mlflow_tracking_uri + "/api/2.0/mlflow/experiments/search"
    headers = {"Authorization": f"Bearer {local.state()['env']['MLFLOW_TRACKING_TOKEN']}"}
    assert requests.post(url, json={"max_results": 9}, headers=headers, timeout=60).ok
    (created,) = _mlflow_processes(local) - before
    psutil.Process(created).kill()
    wait_until(lambda: not psutil.pid_exists(created))
    answer = requests.post(url, json={"max_results": 9}, headers=headers, timeout=60)
    assert [each["name"] for each in answer.json()["experiments"]] == ["Default"]


def _mlflow_processes(local) -> set[int]:
    """The forks of the fork that has MLflow's server imported."""
    return {
        fork.pid
        for child in _children(psutil.Process(local.process.pid))
        if "mlflow.sklearn" in _command(child)
        for imported in _children(child)
        for fork in _children(imported)
        if "/mlflow/" in _folder(fork)
    }


def _folder(process: psutil.Process) -> str:
    """The working folder; empty if the process ends meanwhile."""
    try:
        return process.cwd()
    except psutil.NoSuchProcess:
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    """The child processes; none if it ends meanwhile."""
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _command(process: psutil.Process) -> list[str]:
    """The command line; empty if the process ends meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def wait_until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


NESTED = "deep/er/model"


@pytest.fixture(scope="module")
def nested(ml, job, tmp_path_factory):
    """A run with a model in a nested folder, and in its root the same model."""
    import mlflow
    import numpy as np
    from sklearn.linear_model import LinearRegression

    mlflow.set_tracking_uri(ml.workspaces.get("tracked").mlflow_tracking_uri)
    folder = tmp_path_factory.mktemp("models") / "m"
    requirements = ["scikit-learn", "azureml-inference-server-http", "azureml-ai-monitoring"]
    rows = np.arange(8.0).reshape(4, 2)
    model = LinearRegression().fit(rows, rows[:, 0])
    mlflow.sklearn.save_model(
        model, folder, serialization_format="cloudpickle", pip_requirements=requirements
    )
    mlflow.set_experiment("nested")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), artifact_path=NESTED)
        mlflow.log_artifacts(str(folder))
    return run.info.run_id


SOURCES = {
    "run": "runs:/{run}/deep/er/model",
    "artifact": "{artifacts}/deep/er/model",
    "root": "{artifacts}",
    "job": "azureml://jobs/{run}/outputs/artifacts/paths/deep/er/model/",
    "version": "models:/{name}/1",
    "source": "{source}",
}


@both
@pytest.mark.parametrize("kind", SOURCES)
def test_the_path_of_a_version_has_the_mlmodel_file(tracked, ml, nested, request, kind):
    name = f"path-{kind}-{request.node.callspec.params['tracked']}"
    client = tracked.MlflowClient()
    client.create_registered_model(name)
    artifacts = tracked.get_run(nested).info.artifact_uri
    first = client.create_model_version(name, f"{artifacts}/{NESTED}", run_id=nested)
    text = SOURCES[kind].format(run=nested, artifacts=artifacts, name=name, source=first.source)
    version = client.create_model_version(name, text)
    model = ml.models.get(name, version.version)
    folder = f"ExperimentRun/dcid.{nested}" + ("" if kind == "root" else f"/{NESTED}")
    assert (version.run_id, model.type) == (nested, "mlflow_model")
    assert model.path.rstrip("/").endswith(f"/datastores/workspaceartifactstore/paths/{folder}")
    assert tracked.pyfunc.load_model(f"models:/{name}/{version.version}").predict([[2.0, 3.0]])[
        0
    ] == pytest.approx(2.0)


@pytest.mark.parametrize("tracked", ["plain"], indirect=True)
def test_a_model_of_register_model_is_deployed(tracked, ml, nested, tmp_path):
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint

    version = tracked.register_model(f"runs:/{nested}/{NESTED}", "to-deploy")
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="by-mlflow")).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="by-mlflow",
        model=f"azureml:to-deploy:{version.version}",
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    ml.online_deployments.begin_create_or_update(deployment).result()
    (tmp_path / "rows.json").write_text('{"input_data": [[2.0, 3.0]]}')
    answer = ml.online_endpoints.invoke(
        "by-mlflow", request_file=tmp_path / "rows.json", deployment_name="blue"
    )
    assert json.loads(answer) == pytest.approx([2.0])
    ml.online_endpoints.begin_delete("by-mlflow").result()
