"""The processes of distributed jobs: counts, logs and variables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from azureml_local.errors import AzureError
from azureml_local.jobs import distribution
from azureml_local.jobs.distribution import Distribution, parse_distribution


def read_processes(parsed, tmp_path, path=""):
    command = distribution.launch_command(parsed, "true", tmp_path, tmp_path / "report", path)
    return json.loads(Path(command[-1]).read_text())["processes"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"distributionType": "PyTorch"}, Distribution("pytorch", 2)),
        (
            {"type": "pytorch", "process_count_per_instance": "4"},  # of a component
            Distribution("pytorch", 2, processes=4),
        ),
        ({"distributionType": "Mpi", "processCountPerInstance": 3}, Distribution("mpi", 2, 3)),
        ({"distributionType": "TensorFlow"}, Distribution("tensorflow", 2, workers=2)),
        (
            {"type": "tensorflow", "worker_count": 1, "parameter_server_count": "1"},
            Distribution("tensorflow", 2, workers=1, parameter_servers=1),
        ),
    ],
)
def test_distribution_of_jobs_and_components(fields, expected):
    properties = {"distribution": fields, "resources": {"instanceCount": 2}}
    assert parse_distribution(properties) == expected


def test_job_with_one_process():
    assert parse_distribution({"resources": {"instance_count": "1"}}) is None


def test_names_of_logs():
    logs = Distribution("mpi", 2, 8).logs
    assert (logs[0], logs[15]) == tuple(f"user_logs/std_log_process_{n}.txt" for n in ("00", "15"))
    tasks = Distribution("tensorflow", 1, workers=2, parameter_servers=1).logs
    assert tasks == [f"user_logs/std_log_node_{n}.txt" for n in ("0_worker", "1_worker", "0_ps")]


def test_variables_of_pytorch(tmp_path):
    processes = read_processes(Distribution("pytorch", 2, processes=2), tmp_path)
    ranks = [(p["variables"]["NODE_RANK"], p["variables"]["LOCAL_RANK"]) for p in processes]
    assert ranks == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]
    assert {p["variables"]["WORLD_SIZE"] for p in processes} == {"4"}
    assert len({p["variables"]["MASTER_PORT"] for p in processes}) == 1


def test_variables_of_tensorflow(tmp_path):
    processes = read_processes(Distribution("tensorflow", 2, workers=2), tmp_path)
    configs = [json.loads(p["variables"]["TF_CONFIG"]) for p in processes]
    assert configs[0]["cluster"]["ps"] == []  # an empty list, as on Azure
    assert [config["task"]["index"] for config in configs] == [0, 1]
    assert len(set(configs[0]["cluster"]["worker"])) == 2


def test_mpi_without_mpirun(tmp_path):
    with pytest.raises(AzureError, match="openmpi"):
        read_processes(Distribution("mpi", 1), tmp_path, path=str(tmp_path))


def test_mpi_log_has_the_package_warnings_before_the_output(tmp_path):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text('#!/bin/sh\nshift 2\nOMPI_COMM_WORLD_RANK=0 exec "$@"\n')
    mpirun.chmod(0o755)
    log = tmp_path / "user_logs/std_log_process_0.txt"
    log.parent.mkdir()
    log.write_text("a warning\n")
    command = distribution.launch_command(
        Distribution("mpi", 1), "echo trained", tmp_path, tmp_path / "report", str(tmp_path)
    )
    assert subprocess.run(command, process_group=0).returncode == 0
    assert log.read_text() == "a warning\ntrained\n"


def test_launcher_starts_processes_with_a_specification_longer_than_an_argument(tmp_path):
    (tmp_path / "user_logs").mkdir()
    count, line = 8, f"true {'x' * 50_000}; echo $RANK"
    command = distribution.launch_command(
        Distribution("pytorch", 1, count), line, tmp_path, tmp_path / "report", ""
    )
    assert subprocess.run(command, process_group=0).returncode == 0
    logs = sorted((tmp_path / "user_logs").iterdir())
    assert [log.read_text() for log in logs] == [f"{rank}\n" for rank in range(count)]
