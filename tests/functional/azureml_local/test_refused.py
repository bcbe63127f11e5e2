"""Unsupported operations are refused with 501 and their name."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def ml(client):
    return client("refused")


def serverless(ml):
    list(ml.serverless_endpoints.list())


def feature_sets(ml):
    ml.feature_sets.get("clicks", "1")


def deploy_custom_container(ml, code=None):
    from azure.ai.ml.entities import Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint

    endpoint = ManagedOnlineEndpoint(name="own-container", auth_mode="key")
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    route = {"path": "/", "port": 5001}
    routes = {"liveness_route": route, "readiness_route": route, "scoring_route": route}
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=endpoint.name,
        environment=Environment(image="server.example/image:1", inference_config=routes),
        code_configuration=code,
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    operations = ml.online_deployments
    operations.begin_create_or_update(deployment, skip_script_validation=True).result()


def script_in_r(ml):
    from azure.ai.ml.entities import CodeConfiguration

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plumber.R").write_text("score <- function(x) x", encoding="utf-8")
        deploy_custom_container(ml, CodeConfiguration(folder, "plumber.R"))


def component_of_microsoft(ml):
    from azure.ai.ml import load_job

    step = {"type": "command", "component": "azureml://registries/azureml/components/x/versions/1"}
    file = io.StringIO(json.dumps({"type": "pipeline", "jobs": {"one": step}}))
    ml.jobs.create_or_update(load_job(file), skip_validation=True)


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (serverless, "Serverless endpoints"),
        (feature_sets, "Feature sets"),
        (deploy_custom_container, "custom containers"),
        (script_in_r, "custom containers"),
        (component_of_microsoft, "Registry azureml"),
    ],
)
def test_refused_by_name(ml, call, operation):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match=operation) as caught:
        call(ml)
    assert (caught.value.status_code, caught.value.error.code) == (501, "NotSupportedLocally")
