"""The command line, and an unmodified script with its own config.json."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator

import pytest

from azureml_local import certificates
from azureml_local.errors import LocalError
from azureml_local.folder_lock import lock_folder

pytestmark = pytest.mark.functional


def cli(*words, data, check=True, **options):
    argv = [sys.executable, "-m", "azureml_local", *words[:1], "--data", str(data), *words[1:]]
    result = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=300, **options
    )
    assert not check or result.returncode == 0, result.stderr
    return result


@pytest.fixture
def data(tmp_path):
    yield tmp_path / "data"
    cli("stop", data=tmp_path / "data")


def test_start_status_env_stop_and_reset(data):
    assert cli("status", data=data, check=False).returncode == 1
    url = cli("start", data=data).stdout.strip()
    assert url.startswith("https://localhost:")
    # Not a port that the system gives to outgoing connections, perhaps during a restart.
    assert int(url.rpartition(":")[2]) < 32_768
    assert cli("start", data=data).stdout.strip() == url  # it runs already
    assert url in cli("status", data=data).stdout
    variables = json.loads(cli("env", "--format", "json", data=data).stdout)
    shell = cli("env", data=data).stdout
    shell_result = subprocess.run(
        ["bash", "-c", f'{shell}\necho "$ARM_CLOUD_METADATA_URL"'],
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    assert shell_result.stdout.strip() == variables["ARM_CLOUD_METADATA_URL"]
    assert cli("logs", data=data).stdout == ""
    refused = cli("reset", "--yes", data=data, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("azureml-local: error: ")
    assert refused.stderr.endswith(": azureml-local stop\n")
    cli("stop", data=data)
    assert cli("status", data=data, check=False).returncode == 1
    # The port stays the same, so that addresses stored by clients stay valid.
    assert cli("start", data=data).stdout.strip() == url
    cli("stop", data=data)
    cli("reset", "--yes", data=data)
    assert not data.exists()


def test_commands_that_start_at_the_same_time_use_one_server(data):
    argv = [sys.executable, "-m", "azureml_local", "start", "--data", str(data)]
    starts = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = [(start.communicate()[0], start.returncode) for start in starts]
    assert results == [(results[0][0], 0)] * 3
    assert json.loads((data / "server.json").read_text())["url"] == results[0][0].strip()
    # server.json does not exist yet when a server starts, and no longer when it stops.
    ready = (data / "server.json").rename(data / "ready.json")
    with pytest.raises(LocalError), lock_folder(data, seconds=0):
        pass
    ready.rename(data / "server.json")


# The first program ends while the second one runs, which then connects to the server.
FIRST, SECOND = (
    """
while [ ! -e second ]; do sleep 0.01; done
touch first
""",
    """
import os, pathlib, socket, subprocess, sys, time
from urllib.parse import urlsplit
pathlib.Path("second").touch()
while not pathlib.Path("first").exists():
    time.sleep(0.01)
time.sleep(0.5)
socket.create_connection(("127.0.0.1", urlsplit(os.environ["ARM_CLOUD_METADATA_URL"]).port))
subprocess.run([*sys.argv[1:], "start"], check=True)  # waits for nobody
sys.exit(subprocess.run([*sys.argv[1:], "run", "sh", "-c", "exit 7"]).returncode)
""",
)


def test_a_server_runs_until_the_last_program_that_uses_it_has_ended(data, tmp_path):
    local = [sys.executable, "-m", "azureml_local"]
    env = {**os.environ, "AZUREML_LOCAL_DATA": str(data)}
    env.pop("ARM_CLOUD_METADATA_URL", None)
    with subprocess.Popen([*local, "run", "sh", "-c", FIRST], cwd=tmp_path, env=env) as first:
        while not (data / "server.json").exists():
            assert first.poll() is None
            time.sleep(0.01)
        second = [*local, "run", "--", sys.executable, "-c", SECOND, *local]
        assert subprocess.run(second, cwd=tmp_path, env=env, check=False).returncode == 7
    assert first.returncode == 0
    assert not (data / "server.json").exists()


# A server that has begun to stop, and ends when it has written a file.
STOPPING = """
import json, signal, sys, time
from pathlib import Path
from azureml_local.folder_lock import lock_folder
from azureml_local.server_file import describe_process
data, ended = map(Path, sys.argv[1:])

def stop(*_):
    (data / "server.json").unlink()
    time.sleep(0.3)
    ended.touch()
    sys.exit()

signal.signal(signal.SIGTERM, stop)
with lock_folder(data):
    (data / "store.sqlite3").touch()
    (data / "server.json").write_text(json.dumps({**describe_process(), "env": {}}))
    print("ready", flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("command", [["stop"], ["reset", "--yes"]])
def test_commands_wait_until_the_server_has_ended(data, tmp_path, command):
    ended = tmp_path / "ended"
    argv = [sys.executable, "-c", STOPPING, str(data), str(ended)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        if command != ["stop"]:
            server.terminate()
            while (data / "server.json").exists():
                time.sleep(0.01)
        cli(*command, data=data)
        assert ended.exists()
    assert server.returncode == 0


def test_options_that_differ_from_those_of_the_running_server_are_refused(data):
    url = cli("start", "--strict", data=data).stdout.strip()
    assert cli("start", data=data).stdout.strip() == url
    assert cli("run", "--strict", "--", "true", data=data).returncode == 0
    refused = cli("run", "--no-fork-jobs", "--", "true", data=data, check=False)
    assert (refused.returncode, "--fork-jobs" in refused.stderr) == (2, True)
    refused = cli("start", "--isolation", "uv", "--port", "1", data=data, check=False)
    assert (refused.returncode, "--port, --isolation" in refused.stderr) == (2, True)
    env = {**os.environ, "AZUREML_LOCAL_MLFLOW_URI": "azureml"}
    assert cli("start", data=data, env=env, check=False).returncode == 2


def test_user_errors_are_one_line_with_exit_code_2(data, tmp_path):
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        result = cli("start", "--port", port, data=data, check=False)
        assert result.returncode == 2
        assert f"port {port}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = cli("env", data=data, check=False)
    assert (result.returncode, "azureml-local start" in result.stderr) == (2, True)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    result = cli("reset", "--yes", data=other, check=False)
    assert (result.returncode, str(other) in result.stderr) == (2, True)
    assert (other / "thesis.txt").is_file()
    (tmp_path / "no-program").touch(mode=0o600)
    for program in ("no-such-program", str(tmp_path / "no-program")):
        result = cli("run", "--", program, data=data, check=False)
        assert (result.returncode, program in result.stderr) == (2, True)
        assert len(result.stderr.splitlines()) == 1
    nothing = tmp_path / "nothing"
    assert cli("reset", "--yes", data=nothing).stdout != "deleted\n"
    assert not nothing.exists()


def test_run_returns_the_exit_code_of_the_program(data):
    assert cli("run", "--", "bash", "-c", "exit 7", data=data, check=False).returncode == 7
    assert cli("status", data=data, check=False).returncode == 1  # it stopped with the program


SCRIPT = """
import json, sys
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import Environment, Workspace
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

results = {}
ml = MLClient.from_config(credential=DefaultAzureCredential())
results["client"] = [ml.subscription_id, ml.resource_group_name, ml.workspace_name]


def refused(ask):
    try:
        ask()
    except ResourceNotFoundError as error:
        return [error.status_code, error.error.code, error.error.target]


results["no workspace"] = refused(lambda: list(ml.environments.list()))
ml.workspaces.begin_create(Workspace(name=ml.workspace_name, location="here")).result()
results["workspaces"] = [each.name for each in ml.workspaces.list()]


job = command(command="true", environment=Environment(image="ubuntu:22.04"), compute="absent")
results["no compute"] = refused(lambda: ml.jobs.create_or_update(job))
from azure.ai.ml import MLClient
from azure.ai.ml.entities import BatchEndpoint, ManagedOnlineEndpoint
from azure.core.exceptions import HttpResponseError

other = MLClient(DefaultAzureCredential(), ml.subscription_id, ml.resource_group_name, "other")
other.workspaces.begin_create(Workspace(name="other", location="here")).result()
for kind in (ManagedOnlineEndpoint, BatchEndpoint):
    for client in (ml, ml, other):
        try:
            client.begin_create_or_update(kind(name="same-name")).result()
            results.setdefault("endpoints", []).append(201)
        except HttpResponseError as error:
            results["endpoints"].append(error.status_code)
with open("results.json", "w") as file:
    json.dump(results, file)
"""


def test_a_strict_server(data, tmp_path, sdk_python):
    config = {
        "subscription_id": "12345678-1234-1234-1234-123456789012",
        "resource_group": "theirs",
        "workspace_name": "their-own",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    words = ["--strict", "--", *sdk_python, "script.py"]
    result = cli("run", *words, data=data, cwd=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["client"] == list(config.values())
    assert results["no workspace"] == [404, "ResourceNotFound", None]
    assert results["workspaces"] == ["their-own"]
    assert results["endpoints"] == [201, 201, 400] * 2
    assert results["no compute"] == [404, "UserError", "computeId"]
    assert "Traceback" not in result.stderr


def test_env_keeps_what_the_user_set_after_the_start(data, tmp_path):
    company = certificates.ensure(tmp_path / "company").bundle
    cli("start", data=data)
    own = {**os.environ, "SSL_CERT_FILE": str(company), "NO_PROXY": "intranet"}
    variables = json.loads(cli("env", "--format", "json", data=data, env=own).stdout)
    assert variables["SSL_CERT_FILE"] == str(company)
    assert variables["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    shell = cli("env", data=data, env=own).stdout
    assert f"export SSL_CERT_FILE={company}" in shell
    show = "import os; print(os.environ['SSL_CERT_FILE'], os.environ['no_proxy'])"
    output = cli("run", "--", sys.executable, "-c", show, data=data, env=own).stdout
    assert output.split() == [str(company), "intranet,localhost,127.0.0.1"]


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The address of a proxy that refuses every request, and the first lines of its requests."""
    requests: list[str] = []

    class Refuse(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            requests.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
        server.shutdown()


# With both imports it starts with its imports done.
JOB = """
import mlflow, sklearn
mlflow.log_metric("answer", 42)
print("logged")
"""
CLIENT = """
import mlflow
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import Environment
from azure.identity import DefaultAzureCredential

ml = MLClient(DefaultAzureCredential(), "12345678-1234-1234-1234-123456789012", "group", "dev")
job = ml.jobs.create_or_update(
    command(
        code="code",
        command="python job.py",
        environment=Environment(name="any", image="ubuntu:22.04"),
        compute="cpu-cluster",
    )
)
ml.jobs.stream(job.name)
ml.jobs.download(job.name, download_path="downloaded", all=True)
mlflow.set_tracking_uri(ml.workspaces.get("dev").mlflow_tracking_uri)
print("metrics:", mlflow.get_run(job.name).data.metrics)
"""


def test_client_and_job_reach_the_workspace_without_the_users_proxy(
    data, tmp_path, proxy, sdk_python
):
    address, requests = proxy
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "job.py").write_text(JOB)
    (tmp_path / "client.py").write_text(CLIENT)
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    env = {**os.environ, **dict.fromkeys(names, address)}
    # Not the cloud of another server either, which other tests leave and only the proxy would reach.
    for name in ("NO_PROXY", "no_proxy", "ARM_CLOUD_METADATA_URL"):
        env.pop(name, None)
    words = ["--", *sdk_python, "client.py"]
    result = cli("run", *words, data=data, cwd=tmp_path, env=env)
    assert "metrics: {'answer': 42.0}" in result.stdout
    logs = (tmp_path / "downloaded").rglob("std_log.txt")
    assert "logged" in next(logs).read_text()
    assert requests == []
