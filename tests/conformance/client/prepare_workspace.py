"""Create the resources of Microsoft's test workspace that their tests do not create.

These are compute clusters, environments and components with Azure's names, a registry, and a
container. The tests' storage account is that of the workspace, with its SAS token as key.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from azure.ai.ml import MLClient, load_component
from azure.ai.ml.entities import (
    AmlCompute,
    AzureBlobDatastore,
    CommandComponent,
    Data,
    Environment,
    Model,
    Registry,
    RegistryRegionDetails,
    Workspace,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient

CLUSTERS = ("cpu-cluster", "gpu-cluster", "cpu-cluster-1", "automl-cpu-cluster", "testCompute")
ENVIRONMENT = "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu"
ENVIRONMENTS = ((ENVIRONMENT, ("1", "32", "33")), ("AzureML-Minimal", ("1",)))
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
REGISTRY = "sdk-test"
REGISTRIES = (REGISTRY, "testFeed", "UnsecureTest-testFeed", "sdkv2-testFeed")
LOCATION = "eastus2euap"
CONTAINER = "testblob"
FOLDER = {"type": "uri_folder"}
ARGUMENTS = {
    "training_data": FOLDER,
    "max_epocs": {"type": "integer"},
    "learning_rate": {"type": "number", "default": 0.01},
    "learning_rate_schedule": {"type": "string", "default": "time-based"},
}
# The SDK does not register names with capital letters any more, and their workspace has these.
COMPONENTS = (
    ("Train", "31", ARGUMENTS, {"model_output": FOLDER}),
    ("Score", "8", {"model_input": FOLDER, "test_data": FOLDER}, {"score_output": FOLDER}),
    ("Eval", "8", {"scoring_result": FOLDER}, {"eval_output": FOLDER}),
)

REGISTERED_COMPONENT = "tests/test_configs/components/helloworld_component_no_paths.yml"
"""A component that YAML files of pipelines name without registering it."""


def prepare(subscription: str, group: str, workspace: str) -> dict[str, str]:
    """Create the resources and return the variables that name the tests' storage account."""
    credential = DefaultAzureCredential()
    client = MLClient(credential, subscription, group, workspace)
    client.workspaces.begin_create(Workspace(name=workspace, location=LOCATION)).result()
    for name in REGISTRIES:
        locations = [RegistryRegionDetails(location=LOCATION)]
        shared = Registry(name=name, location=LOCATION, replication_locations=locations)
        client.registries.begin_create(shared).result()
    registry = MLClient(credential, subscription, group, registry_name=REGISTRY)
    for name in CLUSTERS:
        cluster = AmlCompute(name=name, size="STANDARD_DS3_V2", min_instances=0, max_instances=2)
        client.compute.begin_create_or_update(cluster).result()
    for name, versions in ENVIRONMENTS:
        for version in versions:
            client.environments.create_or_update(
                Environment(name=name, version=version, image=IMAGE)
            )
    for version, path in (("1", "https://bla"), ("2", "http://bla")):
        client.data.create_or_update(
            Data(name="list_data_v2_test", version=version, path=path, type="uri_folder")
        )
    for component in COMPONENTS:
        _create_component(client, *component)
    client.components.create_or_update(load_component(REGISTERED_COMPONENT))
    _prepare_registry(registry)
    return _prepare_storage(client)


def _prepare_registry(registry: MLClient) -> None:
    registry.environments.create_or_update(
        Environment(name="openMPIUbuntu", version="1", image=IMAGE)
    )
    environment = f"azureml://registries/{REGISTRY}/environments/openMPIUbuntu/versions/1"
    registry.components.create_or_update(
        CommandComponent(
            name="hello_world_asset", version="1", command="echo hello", environment=environment
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        model.mkdir()
        (model / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
        registry.models.create_or_update(
            Model(name="iris_model", version="1", type="mlflow_model", path=model)
        )


def _prepare_storage(client: MLClient) -> dict[str, str]:
    datastore = client.datastores.get("workspaceblobstore", include_secrets=True)
    account, key = datastore.account_name, datastore.credentials.sas_token
    ContainerClient(
        f"https://{account}.blob.core.windows.net", CONTAINER, credential=key
    ).create_container()
    client.datastores.create_or_update(
        AzureBlobDatastore(
            name="testcredentialless", account_name=account, container_name=CONTAINER
        )
    )
    # The test of this file has no parameter for the account.
    lake = Path("tests/test_configs/datastore/credential_less_adls_gen2.yml")
    # The folders of one run share the file, and each has a server of its own.
    text = re.sub("account_name: .*", f"account_name: {account}", lake.read_text(encoding="utf-8"))
    lake.write_text(text, encoding="utf-8")
    return {
        "ML_TEST_STORAGE_ACCOUNT_NAME": account,
        "ML_TEST_STORAGE_ACCOUNT_PRIMARY_KEY": key,
        "ML_TEST_STORAGE_ACCOUNT_SECONDARY_KEY": key,
    }


def _create_component(
    client: MLClient,
    name: str,
    version: str,
    inputs: dict[str, dict[str, object]],
    outputs: dict[str, dict[str, str]],
) -> None:
    component = CommandComponent(
        name=name.lower(),
        version=version,
        display_name=name,
        inputs=inputs,
        outputs=outputs,
        command=f"echo {_expressions('inputs', inputs)} {_expressions('outputs', outputs)}",
        environment=client.environments.get(ENVIRONMENT, "33").id,
    )
    body = component._to_rest_object()
    body.properties.component_spec["name"] = name
    client.components._version_operation.create_or_update(
        name=name,
        version=version,
        resource_group_name=client.resource_group_name,
        workspace_name=client.workspace_name,
        body=body,
    )


def _expressions(kind: str, names: Iterable[str]) -> str:
    return " ".join(f"${{{{{kind}.{name}}}}}" for name in names)
