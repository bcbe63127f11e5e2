"""Distributed jobs through the SDK: the processes of each framework, their logs and their end."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from tests.functional.azureml_local.sdk_jobs import wait_for_end

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:distribution-env:1"
VARIABLES = "AZUREML_NODE_COUNT AZUREML_PROCESS_NAME LOCAL_RANK NODE_RANK RANK WORLD_SIZE"
VALUES = "; ".join(f"echo {name}=${name}" for name in VARIABLES.split())


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import AmlCompute, Environment

    ml_client = client("distribution")
    ml_client.environments.create_or_update(
        Environment(name="distribution-env", version="1", image="a:1")
    )
    ml_client.compute.begin_create_or_update(AmlCompute(name="pair", max_instances=2)).result()
    return ml_client


def submit(ml, line, distribution, instances=1, **about):
    from azure.ai.ml import command

    return ml.jobs.create_or_update(
        command(
            command=line,
            environment=ENVIRONMENT,
            distribution=distribution,
            instance_count=instances,
            **about,
        )
    )


def is_running(pid):
    try:
        return Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def read_logs(ml, name, folder):
    ml.jobs.download(name, download_path=folder)
    return {path.name: path.read_text() for path in folder.rglob("user_logs/*.txt")}


def error_of(ml, name):
    run = ml.jobs._runs_operations.get_run(name)
    return run.error.error.message


def test_pytorch_has_a_process_for_each_instance_and_rank(ml, tmp_path):
    from azure.ai.ml import PyTorchDistribution
    from azure.ai.ml.constants._job.job import JobLogPattern

    distribution = PyTorchDistribution(process_count_per_instance=2)
    line = f"{VALUES}; echo $MASTER_ADDR:$MASTER_PORT > ./outputs/$RANK.txt"
    job = submit(ml, line, distribution, instances=2, compute="pair")
    assert job.distribution == distribution
    assert job.resources.instance_count == 2
    assert wait_for_end(ml, job.name).status == "Completed"
    logs = read_logs(ml, job.name, tmp_path)
    assert sorted(logs) == [f"std_log_process_{rank}.txt" for rank in range(4)]
    streamed = JobLogPattern.COMMON_RUNTIME_STREAM_LOG_PATTERN
    assert [log for log in logs if re.match(streamed, f"user_logs/{log}")] == sorted(logs)[:1]
    values = dict(line.split("=") for line in logs["std_log_process_3.txt"].splitlines())
    assert values == {
        "AZUREML_NODE_COUNT": "2",
        "AZUREML_PROCESS_NAME": "rank_3",
        "LOCAL_RANK": "1",
        "NODE_RANK": "1",
        "RANK": "3",
        "WORLD_SIZE": "4",
    }
    masters = {path.read_text() for path in tmp_path.rglob("outputs/*.txt")}
    assert len(masters) == 1


def test_tensorflow_ends_with_its_workers(ml, tmp_path):
    from azure.ai.ml import TensorFlowDistribution

    logged = tmp_path / "logged"  # the workers end after the parameter server has logged
    line = (
        'echo "$TF_CONFIG"; '
        f'case "$TF_CONFIG" in *\'"type": "ps"\'*) touch {logged}; sleep 600;; esac; '
        f"until [ -e {logged} ]; do sleep 0.1; done"
    )
    distribution = TensorFlowDistribution(worker_count=2, parameter_server_count=1)
    job = submit(ml, line, distribution, instances=2)
    assert wait_for_end(ml, job.name).status == "Completed"
    logs = read_logs(ml, job.name, tmp_path)
    assert sorted(logs) == [
        "std_log_node_0_ps.txt",
        "std_log_node_0_worker.txt",
        "std_log_node_1_worker.txt",
    ]
    config = json.loads(logs["std_log_node_1_worker.txt"])
    assert {task: len(hosts) for task, hosts in config["cluster"].items()} == {"worker": 2, "ps": 1}
    assert config["task"] == {"type": "worker", "index": 1}
    assert json.loads(logs["std_log_node_0_ps.txt"])["task"] == {"type": "ps", "index": 0}


def test_mpi_starts_its_processes_with_mpirun(ml, tmp_path):
    from azure.ai.ml import MpiDistribution

    code = "from mpi4py import MPI; w = MPI.COMM_WORLD; print(w.allreduce(w.rank), w.size)"
    line = f'python -c "{code}"; echo $OMPI_COMM_WORLD_RANK $OMPI_COMM_WORLD_LOCAL_RANK'
    distribution = MpiDistribution(process_count_per_instance=2)
    job = submit(ml, line, distribution, instances=2, compute="pair")
    assert wait_for_end(ml, job.name).status == "Completed"
    logs = read_logs(ml, job.name, tmp_path)
    assert logs["std_log_process_3.txt"] == "6 4\n3 1\n"  # 0 + 1 + 2 + 3
    assert sorted(logs) == ["mpi_log.txt", *(f"std_log_process_{rank}.txt" for rank in range(4))]


@pytest.mark.parametrize("kind", ["PyTorch", "Mpi"])
def test_a_failed_process_ends_the_others_and_fails_the_job(ml, kind):
    line = "[ ${RANK:-$OMPI_COMM_WORLD_RANK} = 1 ] && echo no such column && exit 7; sleep 600"
    job = submit(ml, line, {"type": kind, "process_count_per_instance": 2})
    assert wait_for_end(ml, job.name).status == "Failed"
    message = error_of(ml, job.name)
    assert message == "std_log_process_1.txt: no such column (exit code 7)"


@pytest.mark.parametrize("kind", ["PyTorch", "Mpi"])
def test_cancel_ends_all_processes(ml, kind, tmp_path):
    line = f"echo $$ > {tmp_path}/${{RANK:-$OMPI_COMM_WORLD_RANK}}; sleep 600"
    job = submit(ml, line, {"type": kind, "process_count_per_instance": 2})
    deadline = time.monotonic() + 180
    while len(pids := [p.read_text().strip() for p in tmp_path.iterdir()]) < 2 or "" in pids:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ml.jobs.begin_cancel(job.name)
    assert wait_for_end(ml, job.name).status == "Canceled"
    assert not [pid for pid in pids if is_running(pid)]


def test_end_of_a_job_ends_its_processes_in_other_sessions(ml, tmp_path):
    line = f"setsid sleep 600 & echo $! > {tmp_path}/pid"
    job = submit(ml, line, {"type": "PyTorch"})
    assert wait_for_end(ml, job.name).status == "Completed"
    assert not is_running((tmp_path / "pid").read_text().strip())


def test_a_step_gets_its_counts_from_inputs_of_the_pipeline(ml, tmp_path):
    from azure.ai.ml import PyTorchDistribution, command, dsl

    train = command(
        command="echo $WORLD_SIZE > ${{outputs.size}}/$RANK.txt",
        environment=ENVIRONMENT,
        outputs={"size": {"type": "uri_folder"}},
        distribution={"type": "pytorch", "process_count_per_instance": 2},
    )

    @dsl.pipeline(compute="pair")
    def pipeline(processes=3):
        step = train()
        step.distribution = PyTorchDistribution(process_count_per_instance=processes)
        step.resources = {"instance_count": 2}
        return {"size": step.outputs.size}

    job = ml.jobs.create_or_update(pipeline())
    assert wait_for_end(ml, job.name).status == "Completed"
    ml.jobs.download(job.name, output_name="size", download_path=tmp_path)
    sizes = {path.name: path.read_text().strip() for path in tmp_path.rglob("*.txt")}
    assert sizes == {f"{rank}.txt": "6" for rank in range(6)}


@pytest.mark.parametrize(
    ("distribution", "instances", "status", "place"),
    [
        (
            {"type": "PyTorch", "process_count_per_instance": 0},
            1,
            400,
            "process_count_per_instance",
        ),
        ({"type": "TensorFlow", "worker_count": 0}, 1, 400, "worker_count"),
        ({"type": "PyTorch"}, 3, 400, "pair"),
        ({"type": "Ray"}, 2, 501, "ray"),
        (None, 2, 501, "distribution"),
    ],
)
def test_what_cannot_run_is_refused(ml, distribution, instances, status, place):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as error:
        submit(ml, "true", distribution, instances=instances, compute="pair")
    assert error.value.status_code == status
    assert place in error.value.message
