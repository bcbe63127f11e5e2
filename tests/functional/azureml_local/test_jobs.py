"""Command jobs through the SDK: inputs, outputs, statuses, queues and errors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from tests.functional.azureml_local.sdk_jobs import wait_for_end, wait_for_status

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:jobs-env:1"


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import Environment

    ml_client = client("jobs")
    ml_client.environments.create_or_update(Environment(name="jobs-env", version="1", image="a:1"))
    return ml_client


def submit(ml, line, **about):
    from azure.ai.ml import command

    return ml.jobs.create_or_update(command(command=line, environment=ENVIRONMENT, **about))


def log_of(ml, name, folder):
    ml.jobs.download(name, download_path=folder)
    (log,) = folder.rglob("std_log.txt")
    return log.read_text()


def test_inputs_of_each_type_and_mode(ml, tmp_path):
    from azure.ai.ml import Input
    from azure.ai.ml.entities import Data

    (tmp_path / "one.csv").write_text("in the file\n")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "a.txt").write_text("in the folder\n")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "MLTable").write_text("type: mltable\npaths:\n  - file: ./a.csv\n")
    (tmp_path / "table" / "a.csv").write_text("x\n1\n")
    data = ml.data.create_or_update(
        Data(name="asset", path=str(tmp_path / "one.csv"), type="uri_file")
    )
    asset = f"azureml:asset:{data.version}"
    job = submit(
        ml,
        "cat ${{inputs.file}} ${{inputs.folder}}/a.txt ${{inputs.asset}} ${{inputs.table}}/MLTable;"
        "echo ${{inputs.direct}}; echo number ${{inputs.number}} $VARIABLE $[[--no ${{inputs.no}}]];"
        "pwd; ls",
        inputs={
            "file": Input(type="uri_file", path=str(tmp_path / "one.csv"), mode="download"),
            "folder": Input(type="uri_folder", path=str(tmp_path / "many"), mode="ro_mount"),
            "asset": Input(type="uri_file", path=asset),
            "direct": Input(type="uri_file", path=asset, mode="direct"),
            "table": Input(type="mltable", path=str(tmp_path / "table")),
            "number": 0.25,
        },
        environment_variables={"VARIABLE": "set by the job"},
    )
    assert wait_for_end(ml, job.name).status == "Completed"
    lines = log_of(ml, job.name, tmp_path / "out").splitlines()
    assert lines.count("in the file") == 2
    assert "in the folder" in lines
    assert "type: mltable" in lines
    assert "number 0.25 set by the job" in lines
    assert any(line.startswith("azureml://subscriptions/") for line in lines)


@pytest.fixture(scope="module")
def folder_asset(ml, tmp_path_factory):
    from azure.ai.ml.entities import Data

    folder = tmp_path_factory.mktemp("asset")
    (folder / "a.txt").write_text("x")
    (folder / "below").mkdir()
    (folder / "below" / "b.txt").write_text("y")
    return ml.data.create_or_update(Data(name="written", path=str(folder), type="uri_folder"))


@pytest.mark.parametrize(
    ("line", "mode", "file"),
    [
        ("echo > ${{inputs.i}}/new.txt", None, "new.txt"),
        ("echo z > ${{inputs.i}}/below/b.txt", "ro_mount", "below/b.txt"),
        ("rm ${{inputs.i}}/new.txt", "ro_mount", "new.txt"),
        ("echo z > ${{inputs.i}}/a.txt", "download", ""),
        ("echo z > ${{inputs.i}}/a.txt", "rw_mount", ""),
        ("mkdir ${{inputs.i}}/__pycache__; touch ${{inputs.i}}/__pycache__/a.pyc", None, ""),
        ("cat ${{inputs.i}}/a.txt > ${{outputs.o}}/o.txt", None, ""),
    ],
)
def test_a_job_that_writes_to_a_read_only_mount_fails(ml, folder_asset, line, mode, file):
    from azure.ai.ml import Input, Output

    asset = Input(type="uri_folder", path=folder_asset.id, mode=mode)
    job = submit(ml, line, inputs={"i": asset}, outputs={"o": Output(type="uri_folder")})
    assert wait_for_end(ml, job.name).status == ("Failed" if file else "Completed")
    error = ml.jobs._runs_operations.get_run_details(job.name).error
    if file:
        assert error.error.code == "UserError"
        assert f"inputs.i: the job has changed {file};" in error.error.message


def test_what_others_write_below_a_read_only_mount_is_no_error(ml, folder_asset, tmp_path):
    """The job's own output, an upload, and the output of another job."""
    from azure.ai.ml import Input, Output
    from azure.storage.blob import ContainerClient

    outputs = {"o": Output(type="uri_folder")}  # in azureml/<job>/o
    done = tmp_path / "done"
    job = submit(
        ml,
        f"while [ ! -e {done} ]; do sleep 0.01; done; echo > ${{{{outputs.o}}}}/o",
        inputs={
            "i": Input(
                type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/azureml"
            )
        },
        outputs=outputs,
    )
    assert wait_for_status(ml, job.name, "Running", "Failed").status == "Running"
    store = ml.datastores.get("workspaceblobstore", include_secrets=True)
    address = f"https://{store.account_name}.blob.core.windows.net/{store.container_name}"
    with ContainerClient.from_container_url(f"{address}?{store.credentials.sas_token}") as blobs:
        blobs.upload_blob("azureml/upload.txt", b"x")
    other = submit(ml, "echo > ${{outputs.o}}/o", outputs=outputs)
    assert wait_for_end(ml, other.name).status == "Completed"
    done.touch()
    assert wait_for_end(ml, job.name).status == "Completed"


def test_a_named_output_is_registered_as_an_asset(ml, tmp_path):
    from azure.ai.ml import Input, Output

    job = submit(
        ml,
        "echo made > ${{outputs.folder}}/x.txt; echo one > ${{outputs.file}}",
        outputs={
            "folder": Output(type="uri_folder", name="made-folder", version="7"),
            "file": Output(
                type="uri_file", path="azureml://datastores/workspaceblobstore/paths/deep/one.txt"
            ),
        },
    )
    assert wait_for_end(ml, job.name).status == "Completed"
    assert ml.data.get("made-folder", "7").type == "uri_folder"
    read = submit(
        ml,
        "cat ${{inputs.a}}/x.txt ${{inputs.b}} ${{inputs.c}}/x.txt",
        inputs={
            "a": Input(type="uri_folder", path="azureml:made-folder:7"),
            "b": Input(
                type="uri_file", path="azureml://datastores/workspaceblobstore/paths/deep/one.txt"
            ),
            "c": Input(type="uri_folder", path=f"azureml://jobs/{job.name}/outputs/folder"),
        },
    )
    assert wait_for_end(ml, read.name).status == "Completed"
    assert log_of(ml, read.name, tmp_path).splitlines() == ["made", "one", "made"]


def test_a_job_is_cancelled_after_its_timeout(ml, tmp_path):
    job = submit(ml, "echo begun; sleep 300", timeout=1)
    assert wait_for_end(ml, job.name).status == "Canceled"
    assert "limits.timeout" in log_of(ml, job.name, tmp_path)


def test_stream_asks_once_a_second_and_ends_with_the_job(ml, tmp_path):
    job = submit(ml, f"touch {tmp_path}/up; while [ -e {tmp_path}/up ]; do sleep 0.01; done")
    wait_for_status(ml, job.name, "Running")
    ask = ml.jobs._runs_operations.get_run_details  # what stream calls between its pauses of 0 s
    begun = time.monotonic()
    assert ask(job.name).status == "Running"
    assert time.monotonic() - begun > 0.9
    deadline = time.monotonic() + 180
    while not (tmp_path / "up").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    threading.Timer(0.2, (tmp_path / "up").unlink).start()
    for _ in range(100):  # a slow machine ends the job later
        if (status := ask(job.name).status) not in ("Running", "Finalizing"):
            break
    assert status == "Completed"
    ml.jobs.stream(job.name)


def test_a_cluster_runs_as_many_jobs_as_it_has_instances(ml):
    from azure.ai.ml.entities import AmlCompute

    ml.compute.begin_create_or_update(AmlCompute(name="narrow", size="s", max_instances=1)).result()
    first = submit(ml, "sleep 300", compute="narrow")
    wait_for_status(ml, first.name, "Running")
    (node,) = ml.compute.list_nodes("narrow")  # the SDK keeps the protocol's own names in it
    assert (vars(node)["nodeState"], vars(node)["runId"]) == ("running", first.name)
    second = submit(ml, "echo second", compute="narrow")
    wait_for_status(ml, second.name, "Queued")
    third = submit(ml, "echo third", compute="narrow")
    wait_for_status(ml, third.name, "Queued")
    ml.jobs.begin_cancel(third.name).result()
    assert wait_for_end(ml, third.name).status == "Canceled"
    assert ml.jobs.get(second.name).status == "Queued"
    ml.jobs.begin_cancel(first.name).result()
    assert wait_for_end(ml, second.name).status == "Completed"
    assert wait_for_end(ml, first.name).status == "Canceled"


def test_a_cluster_that_grows_starts_queued_jobs(ml):
    from azure.ai.ml.entities import AmlCompute

    cluster = AmlCompute(name="grows", size="s", max_instances=1)
    ml.compute.begin_create_or_update(cluster).result()
    jobs = [submit(ml, "sleep 300", compute="grows")]
    wait_for_status(ml, jobs[0].name, "Running")
    jobs += [submit(ml, "sleep 300", compute="grows") for _ in range(3)]
    for job in jobs[1:]:
        wait_for_status(ml, job.name, "Queued")
    cluster.max_instances = 3
    ml.compute.begin_create_or_update(cluster).result()
    for job in jobs[1:3]:
        wait_for_status(ml, job.name, "Running", seconds=20)
    assert ml.jobs.get(jobs[0].name).status == "Running"
    assert ml.jobs.get(jobs[3].name).status == "Queued"
    for job in reversed(jobs):
        ml.jobs.begin_cancel(job.name).result()


def test_this_machine_is_the_only_size_and_quotas_are_refused(ml):
    from azure.core.exceptions import HttpResponseError

    (size,) = ml.compute.list_sizes()
    assert (size.name, vars(size)["vCPUs"]) == ("local", os.cpu_count())
    assert [each.name for each in ml.compute.list_sizes(compute_type="computeinstance")] == [
        "local"
    ]
    with pytest.raises(HttpResponseError, match="Usages - List") as caught:
        list(ml.compute.list_usage())
    assert (caught.value.status_code, caught.value.error.code) == (501, "NotSupportedLocally")


def test_jobs_are_listed_tagged_and_archived(ml):
    from azure.ai.ml.constants import ListViewType

    job = submit(ml, "true", tags={"team": "a"}, display_name="shown", experiment_name="listed")
    assert wait_for_end(ml, job.name).status == "Completed"
    assert job.name in [each.name for each in ml.jobs.list()]
    ml.jobs.archive(job.name)
    assert job.name not in [each.name for each in ml.jobs.list()]
    archived = ml.jobs.list(list_view_type=ListViewType.ARCHIVED_ONLY)
    assert job.name in [each.name for each in archived]
    ml.jobs.restore(job.name)
    actual = ml.jobs.get(job.name)
    assert (actual.tags, actual.display_name) == ({"team": "a"}, "shown")
    actual.tags["more"] = "b"
    assert ml.jobs.create_or_update(actual).tags == {"team": "a", "more": "b"}


def test_the_log_warns_about_missing_packages(ml, tmp_path):
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    (tmp_path / "conda.yml").write_text(
        "name: e\ndependencies:\n  - python=2.7\n  - pip:\n      - nothing-of-the-kind==1\n"
    )
    environment = Environment(image="a:1", conda_file=tmp_path / "conda.yml")
    job = ml.jobs.create_or_update(command(command="echo ran", environment=environment))
    assert wait_for_end(ml, job.name).status == "Completed"
    log = log_of(ml, job.name, tmp_path / "out")
    missing, other_version = (
        line for line in log.splitlines() if line.startswith("azureml-local: warning:")
    )
    assert "python==2.7.*" in missing
    assert "nothing-of-the-kind==1" in other_version
    assert log.endswith("ran\n")


def test_a_job_that_cannot_run_is_refused_at_submission(ml):
    from azure.ai.ml import Input
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    with pytest.raises(HttpResponseError, match="instance_count") as caught:
        submit(ml, "true", instance_count=2)
    assert caught.value.status_code == 501
    with pytest.raises(ResourceNotFoundError, match="absent:1"):
        submit(
            ml, "cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path="azureml:absent:1")}
        )
    with pytest.raises(HttpResponseError, match=r"outputs\.none") as caught:
        submit(ml, "echo ${{outputs.none}}")
    assert (caught.value.status_code, caught.value.error.target) == (400, "command")


def test_a_missing_input_file_fails_the_job(ml):
    from azure.ai.ml import Input
    from azure.ai.ml.exceptions import JobException

    path = "azureml://datastores/workspaceblobstore/paths/never/there.csv"
    job = submit(ml, "cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path=path)})
    with pytest.raises(JobException, match=r"never/there\.csv"):
        ml.jobs.stream(job.name)
    assert ml.jobs.get(job.name).status == "Failed"


@pytest.mark.parametrize("code", [0, 3])
def test_the_outputs_folder_is_uploaded_to_the_run(ml, tmp_path, code):
    job = submit(
        ml,
        f"echo 1 > outputs/metrics.txt; mkdir outputs/m; cp outputs/*.txt outputs/m; exit {code}",
    )
    assert wait_for_end(ml, job.name).status == ("Failed" if code else "Completed")
    ml.jobs.download(job.name, download_path=tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt")}
    assert {"artifacts/outputs/metrics.txt", "artifacts/outputs/m/metrics.txt"} <= files


@pytest.fixture
def mapped(tmp_path):
    """A server with a folder for a public container, and tracking URIs for azureml-mlflow."""
    (tmp_path / "titanic.csv").write_text("mapped\n")
    data = tmp_path / "data"
    options = ["--mlflow-uri", "auto"]
    options += ["--map", f"wasbs://demo@account.blob.core.windows.net={tmp_path}"]
    program = [sys.executable, "-m", "azureml_local", "start", "--data", data, *options]
    subprocess.run(program, check=True, capture_output=True)
    yield data
    subprocess.run([sys.executable, "-m", "azureml_local", "stop", "--data", data], check=True)


SUBMIT = """
import sys, time
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import Environment
from azure.identity import DefaultAzureCredential
ml = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "public")
ml.environments.create_or_update(Environment(name="e", version="1", image="i"))
for path in sys.argv[1:]:
    job = ml.jobs.create_or_update(command(
        command="cat ${{inputs.rows}}", environment="azureml:e:1",
        inputs={"rows": Input(type="uri_file", path=path)}))
    while (job := ml.jobs.get(job.name)).status not in ("Completed", "Failed"):
        time.sleep(0.1)
    print(job.status == "Completed")
print(ml.workspaces.get("public").mlflow_tracking_uri.partition(":")[0])
"""


def test_public_addresses_are_mapped_to_files_or_refused(mapped, tmp_path, sdk_python):
    addresses = (
        "https://account.blob.core.windows.net/demo/titanic.csv",
        "wasbs://demo@account.blob.core.windows.net/titanic.csv",
        "https://account.blob.core.windows.net/other/titanic.csv",
    )
    command = [sys.executable, "-m", "azureml_local", "run", "--data", mapped, "--"]
    script = tmp_path / "submit.py"
    script.write_text(SUBMIT)
    run = subprocess.run(
        [*command, *sdk_python, script, *addresses],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout.split() == ["True", "True", "False", "azureml"]


PRELOADED = """
import sys, time
early = "sklearn" in sys.modules
import mlflow, sklearn
print("early", early, sys.argv[1:], __file__, flush=True)
parts = ("matplotlib", "numpy", "pandas", "scipy", "skops", "sklearn")
print("modules", sorted(name for name in sys.modules if name.partition(".")[0] in parts))
if "sleep" in sys.argv: time.sleep(600)
if "fail" in sys.argv: raise ValueError("no rows")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_code_that_imports_mlflow_and_sklearn_starts_with_its_imports_done(ml, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(PRELOADED)
    job = submit(ml, "cd . && python train.py a 'b c'; echo after", code=str(tmp_path / "code"))
    assert wait_for_end(ml, job.name).status == "Completed"
    lines = log_of(ml, job.name, tmp_path / "out").splitlines()
    assert any(line.startswith("early True ['a', 'b c'] /") for line in lines)
    assert lines[-1] == "after"

    variables = {"OMP_NUM_THREADS": "3"}  # the libraries read it while they are imported
    job = submit(
        ml, "python train.py", code=str(tmp_path / "code"), environment_variables=variables
    )
    assert wait_for_end(ml, job.name).status == "Completed"
    plain = log_of(ml, job.name, tmp_path / "again").splitlines()
    assert any(line.startswith("early False") for line in plain)
    # A forgotten import of a submodule fails in both.
    assert [line for line in lines if line.startswith("modules")] == [
        line for line in plain if line.startswith("modules")
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_such_a_job_fails_and_is_cancelled_as_any_other(ml, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(PRELOADED)
    job = submit(ml, "python train.py fail", code=str(tmp_path / "code"))
    assert wait_for_end(ml, job.name).status == "Failed"
    log = log_of(ml, job.name, tmp_path / "out")
    assert log.splitlines()[-1] == "ValueError: no rows"
    assert "child_processes" not in log

    job = submit(ml, "python train.py sleep", code=str(tmp_path / "code"))
    wait_for_status(ml, job.name, "Running")
    ml.jobs.begin_cancel(job.name).result()
    assert wait_for_end(ml, job.name).status == "Canceled"
    deadline = time.monotonic() + 60
    while _runs_in(job.name):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs_in(job: str) -> bool:
    """Whether a process works in the job's folder."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.cwd().endswith(job):
                return True
        except psutil.Error:
            continue
    return False
