"""Jobs and deployments in an existing virtual environment (``--interpreter``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional

SCENARIO = """
import json, sys
from pathlib import Path
from azure.ai.ml import MLClient, command
from azure.ai.ml.entities import (
    CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint
)
from azure.identity import DefaultAzureCredential

folder = Path(sys.argv[1])
ml = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "dev")
ml.environments.create_or_update(Environment(name="image", version="1", image="none:1"))
job = command(
    command="python -c 'import sys, own_module; print(sys.prefix)' > ${{outputs.out}}/prefix.txt",
    environment="azureml:image:1", outputs={"out": {"type": "uri_folder"}},
)
job = ml.jobs.create_or_update(job)
ml.jobs.stream(job.name)
ml.jobs.download(job.name, download_path=folder, output_name="out")
ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="one")).result()
ml.online_deployments.begin_create_or_update(ManagedOnlineDeployment(
    name="blue", endpoint_name="one", environment="azureml:image:1", instance_count=1,
    instance_type="Standard_DS3_v2",
    code_configuration=CodeConfiguration(code=str(folder / "code"), scoring_script="score.py"),
)).result()
(folder / "request.json").write_text("1")
answer = ml.online_endpoints.invoke(
    "one", deployment_name="blue", request_file=str(folder / "request.json")
)
(folder / "answer.json").write_text(answer)
"""
SCORE = """
import sys
import own_module
def init():
    pass
def run(body):
    return sys.prefix
"""


def run_local(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items()
        if key not in ("ARM_CLOUD_METADATA_URL", "AZUREML_CURRENT_CLOUD")
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "azureml_local", "run", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_jobs_and_deployments_run_in_it(tmp_path, sdk_python):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "own_module.py").touch()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(SCORE)
    (tmp_path / "scenario.py").write_text(SCENARIO)
    arguments = ["--data", tmp_path / "data", "--interpreter", venv, "--"]
    done = run_local(*arguments, *sdk_python, tmp_path / "scenario.py", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (prefix,) = (tmp_path / "named-outputs").rglob("prefix.txt")
    assert prefix.read_text().strip() == str(venv)
    assert json.loads((tmp_path / "answer.json").read_text()) == str(venv)


@pytest.mark.parametrize(
    "options", [("--interpreter", "{path}"), ("--interpreter", sys.prefix, "--isolation", "uv")]
)
def test_wrong_options_are_refused(tmp_path, options):
    values = [each.format(path=tmp_path) for each in options]
    done = run_local("--data", tmp_path / "data", *values, "--", "true")
    assert (done.returncode, "--interpreter" in done.stderr) == (2, True)
    assert not (tmp_path / "data" / "server.json").exists()
