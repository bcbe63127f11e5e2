"""``AzurePipelinesCredential`` of azure-identity in the steps of pipelines-local."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from pipelines_local import RunResult, run_pipeline
from pipelines_local.tasks.federated_login import create_job_login, identity_variables

pytestmark = pytest.mark.functional

NEW = "https://ml.azure.com/.default"
CREDENTIAL = """
import os, sys, time
from azure.identity import AzurePipelinesCredential
credential = AzurePipelinesCredential(
    tenant_id=os.environ["TENANT"], client_id=os.environ["CLIENT"],
    service_connection_id=os.environ["CONNECTION"],
    system_access_token=os.environ["SYSTEM_ACCESSTOKEN"],
)
"""
USES_TOKEN = f"""
time.sleep(2.3)  # after the ten minutes of the ID token and the hour of the access token
credential.get_token({NEW!r})
print("TOKEN")
"""
EXPORTS_IDS = """
set_variable() { echo "##vso[task.setvariable variable=$1]$2"; }
set_variable TENANT $AZURESUBSCRIPTION_TENANT_ID
set_variable CLIENT $AZURESUBSCRIPTION_CLIENT_ID
set_variable CONNECTION $AZURESUBSCRIPTION_SERVICE_CONNECTION_ID
"""
TOKEN = {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}


def azure_cli(script: str) -> dict[str, Any]:
    inputs = {
        "azureSubscription": "$(NAME)",
        "scriptType": "bash",
        "scriptLocation": "inlineScript",
        "inlineScript": script,
    }
    return {"task": "AzureCLI@2", "inputs": inputs, "env": TOKEN}


def python(script: str) -> dict[str, Any]:
    inputs = {"scriptSource": "inline", "script": script, "pythonInterpreter": sys.executable}
    return {"task": "PythonScript@0", "inputs": inputs, "env": TOKEN}


@pytest.fixture
def run(local, tmp_path: Path) -> Any:
    """Run jobs; 0.2 seconds are ten minutes of the login of an AzureCLI step."""

    def run(*jobs: list[dict[str, Any]], **variables: str) -> RunResult:
        root = tmp_path / "repo"
        root.mkdir(exist_ok=True)
        document = {
            "variables": {"NAME": "c", **variables},
            "jobs": [{"job": f"job{n}", "steps": steps} for n, steps in enumerate(jobs)],
        }
        (root / "p.yml").write_text(json.dumps(document))
        return run_pipeline(
            root / "p.yml",
            root=root,
            work_dir=tmp_path / "work",
            service_connections={"c": local.state()["env"]},
            id_token_seconds=0.2,
        )

    return run


def test_the_login_does_not_expire_in_steps_of_both_kinds(run, tmp_path):
    script = tmp_path / "requests_token.py"
    script.write_text(CREDENTIAL + USES_TOKEN)
    command = (
        "export TENANT=$AZURESUBSCRIPTION_TENANT_ID CLIENT=$AZURESUBSCRIPTION_CLIENT_ID "
        f"CONNECTION=$AZURESUBSCRIPTION_SERVICE_CONNECTION_ID; {sys.executable} {script}"
    )
    steps = [azure_cli(EXPORTS_IDS), azure_cli(command), python(CREDENTIAL + USES_TOKEN)]
    result = run(steps)
    job = result.stages[0].jobs[0]
    assert result.result == "Succeeded", job.log
    assert job.log.count("TOKEN") == 2


def test_a_job_gets_tokens_only_for_the_service_connections_that_it_references(run):
    token = f"{CREDENTIAL}\ncredential.get_token({NEW!r})"
    ids = identity_variables("c", add_principal=False)
    values = {
        "TENANT": ids["AZURESUBSCRIPTION_TENANT_ID"],
        "CLIENT": ids["AZURESUBSCRIPTION_CLIENT_ID"],
        "CONNECTION": ids["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
    }
    result = run([azure_cli("true"), python(token)], [python(token)], **values)
    referenced, other = result.stages[0].jobs
    assert referenced.result == "Succeeded", referenced.log
    assert other.result == "Failed"
    # Without a reference there is no local workspace, so no address either.
    assert any("SYSTEM_OIDCREQUESTURI" in line for line in other.log)


def test_the_token_of_the_job_is_masked(run):
    result = run([azure_cli("echo token $SYSTEM_ACCESSTOKEN $SYSTEM_OIDCREQUESTURI")])
    [line] = [line for line in result.stages[0].jobs[0].log if line.startswith("token ")]
    assert line.startswith("token *** https://localhost:")


@pytest.fixture
def credential(local, monkeypatch) -> Any:
    """Make a credential for the service connection ``c`` of a job; keywords replace its ids."""
    from azure.identity import AzurePipelinesCredential

    environment = local.state()["env"]
    login = create_job_login({"c": environment}, "build.train.__default", "run", "job")
    assert login is not None
    ids = identity_variables("c", add_principal=False)
    monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", login.request_uri)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", login.authority)

    def make(**changes: str) -> AzurePipelinesCredential:
        values = {
            "tenant_id": ids["AZURESUBSCRIPTION_TENANT_ID"],
            "client_id": ids["AZURESUBSCRIPTION_CLIENT_ID"],
            "service_connection_id": ids["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
            "system_access_token": login.access_token,
        }
        return AzurePipelinesCredential(**{**values, **changes})

    return make


OTHER = "11111111-1111-1111-1111-111111111111"


def test_the_sdk_reads_models_with_this_login(credential, client):
    from azure.ai.ml import MLClient

    assert client("login").workspaces.get("login").name == "login"  # creates it
    ml = MLClient(credential(), "00000000-0000-0000-0000-000000000", "local", "login")
    assert list(ml.models.list()) == []


def test_an_access_token_is_valid_for_an_hour_and_is_cached(credential):
    with credential() as created:
        first = created.get_token(NEW)
        assert created.get_token(NEW) == first
        payload = first.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == "https://ml.azure.com"
    assert 3000 < claims["exp"] - time.time() <= 3600


@pytest.mark.parametrize(
    ("changes", "scope", "status", "text"),
    [
        ({"service_connection_id": OTHER}, NEW, 404, "build.train.__default"),
        ({"tenant_id": OTHER}, NEW, 400, "AADSTS90002"),
        ({"client_id": OTHER}, NEW, 400, "AADSTS700016"),
        ({}, "https://ml.azure.com/user_impersonation", 400, "AADSTS1002012"),
        ({"system_access_token": "x"}, NEW, 401, "System.AccessToken"),
        ({"system_access_token": "x;job=e30="}, NEW, 401, "X-IDENTITY-HEADER"),
    ],
)
def test_refused_logins(credential, changes, scope, status, text):
    with pytest.raises(ClientAuthenticationError) as caught, credential(**changes) as created:
        created.get_token(scope)
    assert caught.value.response.status_code == status
    assert text in caught.value.response.text()


def test_an_id_token_is_not_an_access_token(credential):
    with credential() as created:
        id_token = created._get_oidc_token()
    import requests

    url = os.environ["AZURE_AUTHORITY_HOST"] + "/subscriptions/s/resourceGroups/local"
    headers = {"Authorization": f"Bearer {id_token}"}
    verify = os.environ["REQUESTS_CA_BUNDLE"]
    assert requests.get(url, headers=headers, verify=verify, timeout=10).status_code == 401
