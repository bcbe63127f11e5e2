"""The command line, and an unmodified script with its own config.json."""

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


def test_user_errors_are_one_line_with_exit_code_2(data, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = cli("start", "--port", port, data=data, check=False)
        assert result.returncode == 2
        assert f"--port {port}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = cli("env", data=data, check=False)
    assert (result.returncode, "azureml-local start" in result.stderr) == (2, True)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    result = cli("reset", "--yes", data=other, check=False)
    assert (result.returncode, str(other) in result.stderr) == (2, True)
    assert (other / "thesis.txt").is_file()
    result = cli("run", "--", "no-such-program", data=data, check=False)
    assert (result.returncode, "no-such-program" in result.stderr) == (2, True)


def test_run_returns_the_exit_code_of_the_program(data):
    assert cli("run", "--", "bash", "-c", "exit 7", data=data, check=False).returncode == 7
    assert cli("status", data=data, check=False).returncode == 1  # it stopped with the program


SCRIPT = """
import json, sys
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import AmlCompute, Environment, Workspace
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


def job(line, conda_file, **about):
    environment = Environment(image="ubuntu:22.04", conda_file=conda_file)
    submitted = ml.jobs.create_or_update(command(command=line, environment=environment, **about))
    try:
        ml.jobs.stream(submitted.name)
    except Exception as error:
        results.setdefault("errors", []).append(str(error))
    ml.jobs.download(submitted.name, download_path=f"out/{submitted.name}", all=True)
    return submitted.name


results["no compute"] = refused(lambda: job("true", "good.yml", compute="absent"))
ml.compute.begin_create_or_update(AmlCompute(name="cluster", size="s")).result()
line = "python -c 'import given, sys; print(given.__version__, sys.prefix)'"
results["jobs"] = [job(line, "good.yml", compute="cluster"), job(line, "same.yml")]
results["bad"] = [job("true", "bad.yml"), job("true", "python.yml")]
with open("results.json", "w") as file:
    json.dump(results, file)
"""


def wheel(folder):
    """A wheel with one module and no dependencies."""
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
    result = cli("run", *words, data=data, cwd=tmp_path, env={**os.environ, **path})
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["client"] == list(config.values())
    assert results["no workspace"] == [404, "ResourceNotFound", None]
    assert results["workspaces"] == ["their-own"]
    assert results["no compute"] == [404, "UserError", "computeId"]

    def log(job, name):
        (path,) = (tmp_path / "out" / job).rglob(name)
        return path.read_text()

    logs = [log(job, "std_log.txt").split() for job in results["jobs"]]
    assert logs[0] == logs[1]  # one interpreter for the same packages
    assert logs[0][0] == "1.5"
    assert logs[0][1].startswith(str(data / "interpreters"))
    cannot, other = results["errors"]
    assert "azureml-logs/20_image_build_log.txt" in cannot
    assert "none.whl" in log(results["bad"][0], "20_image_build_log.txt")
    assert "Python ==2.7.*" in other
    assert "Traceback" not in result.stderr
