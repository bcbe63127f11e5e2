"""Registries through the SDK: their assets, sharing, and use by workspaces."""

from __future__ import annotations

import json

import pytest
import requests
from tests.functional.azureml_local.conftest import SUBSCRIPTION

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def ml(client):
    return client("uses-registries")


@pytest.fixture(scope="module")
def registry(client):
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    return MLClient(DefaultAzureCredential(), registry_name="shared")


@pytest.fixture(scope="module")
def environment(registry):
    from azure.ai.ml.entities import Environment

    return registry.environments.create_or_update(
        Environment(name="plain", version="1", image="none:1")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model's files, with the number that a deployment of it returns."""
    weights = tmp_path_factory.mktemp("files") / "weights"
    weights.mkdir()
    (weights / "weights.txt").write_text("17")
    return weights


@pytest.fixture(scope="module")
def model(registry, folder):
    from azure.ai.ml.entities import Model

    return registry.models.create_or_update(
        Model(name="net", version="1", path=str(folder), type="custom_model", tags={"a": "b"})
    )


@pytest.fixture(scope="module")
def data(registry, tmp_path_factory):
    from azure.ai.ml.entities import Data

    path = tmp_path_factory.mktemp("data") / "rows.csv"
    path.write_text("a,b\n1,2\n")
    return registry.data.create_or_update(
        Data(name="rows", version="1", path=str(path), type="uri_file")
    )


def output(ml, job, folder) -> str:
    ml.jobs.stream(job.name)
    ml.jobs.download(job.name, download_path=folder, all=True)
    (actual,) = folder.rglob("std_log.txt")
    return actual.read_text()


def test_assets_are_made_listed_found_and_downloaded(
    registry, environment, model, data, folder, tmp_path
):
    from azure.ai.ml.entities import BuildContext, Environment, Model
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    assert model.id == "azureml://registries/shared/models/net/versions/1"
    assert environment.id == "azureml://registries/shared/environments/plain/versions/1"
    assert data.id == "azureml://registries/shared/data/rows/versions/1"
    assert "net" in [each.name for each in registry.models.list()]
    assert [each.version for each in registry.models.list(name="net")] == ["1"]
    assert registry.models.get("net", label="latest").tags == {"a": "b"}
    registry.models.download("net", "1", download_path=str(tmp_path))
    assert [path.read_text() for path in tmp_path.rglob("weights.txt")] == ["17"]
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    built = registry.environments.create_or_update(
        Environment(name="built", version="1", build=BuildContext(path=str(tmp_path)))
    )
    assert built.build.dockerfile_path == "Dockerfile"
    with pytest.raises(ResourceNotFoundError, match=r"none:1.*registry shared"):
        registry.models.get("none", "1")
    with pytest.raises(HttpResponseError) as caught:
        registry.models.create_or_update(
            Model(name="net", version="1", path=str(tmp_path), type="custom_model")
        )
    assert (caught.value.status_code, caught.value.error.target) == (409, "modelUri")


def test_a_job_uses_assets_of_a_registry(ml, environment, model, data, tmp_path):
    from azure.ai.ml import Input, command

    job = ml.jobs.create_or_update(
        command(
            command="cat ${{inputs.model}}/weights.txt ${{inputs.rows}}",
            inputs={
                "model": Input(type="custom_model", path=model.id),
                "rows": Input(type="uri_file", path=data.id.replace("versions/1", "labels/latest")),
            },
            environment=environment.id,
        )
    )
    assert output(ml, job, tmp_path).split() == ["17a,b", "1,2"]


def test_a_job_with_a_missing_asset_of_a_registry_is_refused(ml, environment):
    from azure.ai.ml import command
    from azure.core.exceptions import ResourceNotFoundError

    with pytest.raises(ResourceNotFoundError, match=r"plain:9.*registry shared"):
        ml.jobs.create_or_update(
            command(command="true", environment=environment.id.replace("versions/1", "versions/9"))
        )


def test_a_pipeline_uses_a_component_of_a_registry(ml, registry, environment, data, tmp_path):
    from azure.ai.ml import Input, command, dsl

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "say.py").write_text(
        "import sys\nprint(open(sys.argv[1]).read().upper(), file=open(sys.argv[2], 'w'))\n"
    )
    registry.components.create_or_update(
        command(
            name="says", version="1", code=str(tmp_path / "code"),
            command="python say.py ${{inputs.text}} ${{outputs.said}}/said.txt",
            inputs={"text": Input(type="uri_file")}, outputs={"said": {"type": "uri_folder"}},
            environment=environment.id,
        ).component
    )  # fmt: skip
    component = registry.components.get("says", "1")
    assert component.id == "azureml://registries/shared/components/says/versions/1"

    @dsl.pipeline(default_compute="cluster")
    def says():
        return {"said": component(text=Input(type="uri_file", path=data.id)).outputs.said}

    job = ml.jobs.create_or_update(says())
    ml.jobs.stream(job.name)
    ml.jobs.download(job.name, download_path=tmp_path / "out", output_name="said")
    assert [p.read_text() for p in (tmp_path / "out").rglob("said.txt")] == ["A,B\n1,2\n\n"]


SCORE = """
import os, pathlib
def init():
    pass
def run(asked):
    (found,) = pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("weights.txt")
    return int(found.read_text())
"""


def test_a_deployment_uses_a_model_of_a_registry(ml, environment, model, tmp_path):
    from azure.ai.ml.entities import (
        CodeConfiguration,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        OnlineRequestSettings,
    )

    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").write_text(SCORE)
    (tmp_path / "asked.json").write_text("{}")
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="from-shared")).result()
    ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="one", endpoint_name="from-shared", model=model.id, environment=environment.id,
            instance_type="Standard_DS3_v2", instance_count=1,
            request_settings=OnlineRequestSettings(request_timeout_ms=30_000),
            code_configuration=CodeConfiguration(
                code=str(tmp_path / "code"), scoring_script="score.py"
            ),
        )
    ).result()  # fmt: skip
    message = ml.online_endpoints.invoke(
        "from-shared", deployment_name="one", request_file=tmp_path / "asked.json"
    )
    assert json.loads(message) == 17
    ml.online_endpoints.begin_delete("from-shared").result()


def test_shared_assets_have_copies_of_the_files(ml, registry, folder, tmp_path):
    from azure.ai.ml.entities import Data, Environment, Model
    from azure.ai.ml.exceptions import ValidationException

    own = Model(name="own", version="3", path=str(folder), type="custom_model", tags={"x": "y"})
    ml.models.create_or_update(own)
    names = {"share_with_version": "1", "registry_name": "shared"}
    shared = ml.models.share("own", "3", share_with_name="theirs", **names)
    assert shared.id == "azureml://registries/shared/models/theirs/versions/1"
    assert shared.tags == {"x": "y"}
    assert shared.path != ml.models.get("own", "3").path
    registry.models.download("theirs", "1", download_path=str(tmp_path))
    assert [path.read_text() for path in tmp_path.rglob("weights.txt")] == ["17"]
    with pytest.raises(ValidationException, match="already exists in registry"):
        ml.models.share("own", "3", share_with_name="theirs", **names)
    ml.environments.create_or_update(Environment(name="own", version="1", image="none:2"))
    environment = ml.environments.share("own", "1", share_with_name="own", **names)
    assert environment.image == "none:2"
    data = Data(name="own", version="1", path=str(folder), type="uri_folder")
    ml.data.create_or_update(data)
    data = ml.data.share("own", "1", share_with_name="own", **names)
    assert data.id == "azureml://registries/shared/data/own/versions/1"


def test_registries_are_created_listed_and_deleted(local, ml):
    from azure.ai.ml.entities import Registry
    from azure.ai.ml.entities._registry.registry_support_classes import (
        RegistryRegionDetails,
        SystemCreatedStorageAccount,
    )
    from azure.core.exceptions import ResourceNotFoundError

    storage = SystemCreatedStorageAccount(
        storage_account_hns=False, storage_account_type="standard_lrs", replication_count=2
    )
    region = RegistryRegionDetails(location="here", storage_config=storage)
    expected = Registry(name="second", location="here", replication_locations=[region])
    assert ml.registries.begin_create(expected).result().name == "second"
    assert "second" in [each.name for each in ml.registries.list()]
    url = f"{local.state()['url']}/subscriptions/SUBSCRIPTION/providers/Microsoft.MachineLearningServices/registries"
    headers = {"Authorization": f"Bearer {local.state()['env']['MLFLOW_TRACKING_TOKEN']}"}
    for subscription, expected_names in ((SUBSCRIPTION, ["second"]), ("another", [])):
        answer = requests.get(
            url.replace("SUBSCRIPTION", subscription), headers=headers, timeout=60
        ).json()
        assert [each["name"] for each in answer["value"]] == expected_names
    region = ml.registries.get("second").replication_locations[0]
    assert (region.location, region.storage_config.replication_count) == ("here", 2)
    assert "/storageAccounts/" in region.storage_config.arm_resource_id
    ml.registries.begin_delete(name="second").result()
    with pytest.raises(ResourceNotFoundError, match="second"):
        ml.registries.get("second")


def test_registries_of_microsoft_are_refused():
    from azure.ai.ml import MLClient
    from azure.core.exceptions import HttpResponseError
    from azure.identity import DefaultAzureCredential

    with pytest.raises(HttpResponseError, match="azureml") as caught:
        MLClient(DefaultAzureCredential(), registry_name="azureml")
    assert caught.value.status_code == 501
