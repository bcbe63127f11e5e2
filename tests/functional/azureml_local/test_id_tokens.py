"""An AzureCLI step of pipelines-local in a local workspace: its ID token expires."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import RunResult, run_pipeline

pytestmark = pytest.mark.functional

SDK = """
import time
from azure.identity import DefaultAzureCredential
credential = DefaultAzureCredential()
TOKENS
print("DONE")
"""
AZ = "az account get-access-token --resource {} --query tokenType -o tsv"
NEW = "https://ml.azure.com"


@pytest.fixture
def step(local, tmp_path: Path) -> Any:
    """Run a script in an AzureCLI step; 0.2 seconds are ten minutes of Azure."""

    def run(script: str, *, keep: bool = False, seconds: float = 0.2) -> RunResult:
        inputs = {
            "azureSubscription": "c",
            "scriptType": "bash",
            "scriptLocation": "inlineScript",
            "inlineScript": script,
            **({"keepAzSessionActive": "true"} if keep else {}),
        }
        root = tmp_path / "repo"
        root.mkdir(exist_ok=True)
        file = root / "p.yml"
        file.write_text(json.dumps({"steps": [{"task": "AzureCLI@2", "inputs": inputs}]}))
        return run_pipeline(
            file,
            root=root,
            work_dir=tmp_path / "work",
            service_connections={"c": local.state()["env"]},
            id_token_seconds=seconds,
        )

    return run


def codes(result: RunResult) -> list[str]:
    return result.stages[0].jobs[0].issues.codes


def sdk(tmp_path: Path, *resources: str) -> str:
    # A new resource is asked for after the ten minutes of the ID token, on a fast machine too.
    lines = [
        f"credential.get_token({resource + '/.default'!r}); time.sleep(0.3)"
        for resource in resources
    ]
    path = tmp_path / "tokens.py"
    path.write_text(SDK.replace("TOKENS", "\n".join(lines)))
    return f"{sys.executable} {path}"


EXPIRED = ["az-session-expired", "exit-code"]
LATE = "sleep 2.3"  # after the ten minutes of the ID token and the hour of the access token


@pytest.mark.parametrize(
    "command",
    [AZ.format(NEW), AZ.format("https://management.azure.com"), "az ml model list -g local -w dev"],
)
def test_az_fails_when_the_login_of_its_step_has_expired(step, command):
    assert codes(step(f"{LATE}; {command}")) == EXPIRED


def test_a_renewed_login_and_a_login_with_a_secret_do_not_expire(step, tmp_path):
    script = f"{LATE}; {AZ.format(NEW)} && {sdk(tmp_path, NEW)}"
    assert codes(step(script, keep=True)) == []
    assert codes(step(script, seconds=0)) == []


def test_the_sdk_gets_no_token_for_a_new_resource(step, tmp_path):
    assert codes(step(sdk(tmp_path, "https://management.azure.com", NEW))) == EXPIRED
