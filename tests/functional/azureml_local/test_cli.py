"""The command line as a stranger uses it, and a script that has never heard of us."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import zipfile

import pytest

pytestmark = pytest.mark.functional


def cli(*words, data, check=True, **options):
    argv = [sys.executable, "-m", "azureml_local", *words[:1], "--data", str(data), *words[1:]]
    found = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=300, **options
    )
    assert not check or found.returncode == 0, found.stderr
    return found


@pytest.fixture
def data(tmp_path):
    yield tmp_path / "data"
    cli("stop", data=tmp_path / "data")


def test_started_asked_stopped_and_deleted(data):
    assert cli("status", data=data, check=False).returncode == 1
    url = cli("start", data=data).stdout.strip()
    assert url.startswith("https://localhost:")
    assert cli("start", data=data).stdout.strip() == url  # it runs already
    assert url in cli("status", data=data).stdout
    variables = json.loads(cli("env", "--format", "json", data=data).stdout)
    shell = cli("env", data=data).stdout
    told = subprocess.run(
        ["bash", "-c", f'{shell}\necho "$ARM_CLOUD_METADATA_URL"'],
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    assert told.stdout.strip() == variables["ARM_CLOUD_METADATA_URL"]
    assert cli("logs", data=data).stdout == ""
    refused = cli("reset", "--yes", data=data, check=False)
    assert (refused.returncode, refused.stderr) == (
        2,
        "azureml-local: error: the server runs; stop it first: azureml-local stop\n",
    )
    cli("stop", data=data)
    assert cli("status", data=data, check=False).returncode == 1
    # The port stays, so that what a client has kept of addresses stays right.
    assert cli("start", data=data).stdout.strip() == url
    cli("stop", data=data)
    cli("reset", "--yes", data=data)
    assert not data.exists()


def test_what_cannot_be_is_said_in_one_line(data, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = cli("start", "--port", port, data=data, check=False)
        assert found.returncode == 2
        assert f"port {port} is taken" in found.stderr
        assert "Traceback" not in found.stderr
    found = cli("env", data=data, check=False)
    assert (found.returncode, "not running; start it" in found.stderr) == (2, True)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    found = cli("reset", "--yes", data=other, check=False)
    assert (found.returncode, "no folder of azureml-local" in found.stderr) == (2, True)
    assert (other / "thesis.txt").is_file()
    found = cli("run", "--", "no-such-program", data=data, check=False)
    assert (found.returncode, "no-such-program: no such program" in found.stderr) == (2, True)


def test_a_programs_exit_code_is_that_of_run(data):
    assert cli("run", "--", "bash", "-c", "exit 7", data=data, check=False).returncode == 7
    assert cli("status", data=data, check=False).returncode == 1  # it ended with the program


SCRIPT = """
import json, sys
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import AmlCompute, Environment, Workspace
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

said = {}
ml = MLClient.from_config(credential=DefaultAzureCredential())
said["client"] = [ml.subscription_id, ml.resource_group_name, ml.workspace_name]


def refused(ask):
    try:
        ask()
    except ResourceNotFoundError as error:
        return str(error).splitlines()[0]


said["no workspace"] = refused(lambda: list(ml.environments.list()))
ml.workspaces.begin_create(Workspace(name=ml.workspace_name, location="here")).result()
said["workspaces"] = [each.name for each in ml.workspaces.list()]


def job(line, conda_file, **about):
    environment = Environment(image="ubuntu:22.04", conda_file=conda_file)
    found = ml.jobs.create_or_update(command(command=line, environment=environment, **about))
    try:
        ml.jobs.stream(found.name)
    except Exception as error:
        said.setdefault("errors", []).append(str(error))
    ml.jobs.download(found.name, download_path=f"out/{found.name}", all=True)
    return found.name


said["no compute"] = refused(lambda: job("true", "good.yml", compute="absent"))
ml.compute.begin_create_or_update(AmlCompute(name="cluster", size="s")).result()
line = "python -c 'import given, sys; print(given.__version__, sys.prefix)'"
said["jobs"] = [job(line, "good.yml", compute="cluster"), job(line, "same.yml")]
said["bad"] = [job("true", "bad.yml"), job("true", "python.yml")]
with open("said.json", "w") as file:
    json.dump(said, file)
"""


def wheel(folder):
    """A package of one module, as pip takes it, without asking anybody for anything."""
    path = folder / "given-1.5-py3-none-any.whl"
    about = "given-1.5.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("given.py", "__version__ = '1.5'\n")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: given\nVersion: 1.5\n")
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return path


def test_a_strict_server_with_isolated_jobs(data, tmp_path):
    conda = "name: {name}\ndependencies:\n  - python={python}\n  - pip\n  - pip:\n      - {line}\n"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    package = wheel(tmp_path)
    for name, python, line in (
        ("good", here, package),
        ("same", here, package),
        ("bad", here, tmp_path / "none.whl"),
        ("python", "2.7", package),
    ):
        (tmp_path / f"{name}.yml").write_text(conda.format(name=name, python=python, line=line))
    config = {
        "subscription_id": "12345678-1234-1234-1234-123456789012",
        "resource_group": "theirs",
        "workspace_name": "their-own",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    words = ["--strict", "--isolation", "uv", "--", sys.executable, "-W", "ignore", "script.py"]
    # Without uv the versions of Python are those of this machine.
    path = {"PATH": os.pathsep.join(["/usr/bin", "/bin"])}
    found = cli("run", *words, data=data, cwd=tmp_path, env={**os.environ, **path})
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["client"] == list(config.values())
    assert (
        "workspaces/their-own' under resource group 'theirs' was not found" in said["no workspace"]
    )
    assert said["workspaces"] == ["their-own"]
    assert "Compute absent was not found" in said["no compute"]

    def log(job, name):
        (path,) = (tmp_path / "out" / job).rglob(name)
        return path.read_text()

    logs = [log(job, "std_log.txt").split() for job in said["jobs"]]
    assert logs[0] == logs[1]  # one interpreter for the same packages
    assert logs[0][0] == "1.5"
    assert logs[0][1].startswith(str(data / "interpreters"))
    cannot, other = said["errors"]
    assert "the job's environment cannot be built; azureml-logs/20_image_build_log.txt" in cannot
    assert "none.whl" in log(said["bad"][0], "20_image_build_log.txt")
    assert "wants Python ==2.7.*, and there is none here" in other
    assert "Traceback" not in found.stderr
