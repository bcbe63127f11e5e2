"""Datastores of Azure Data Lake Storage and Azure Files through the SDK."""

from __future__ import annotations

import pytest
from tests.functional.azureml_local.sdk_jobs import wait_for_end

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:datastores-env:1"


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import (
        AzureDataLakeGen2Datastore,
        AzureFileDatastore,
        Environment,
        ServicePrincipalConfiguration,
    )

    ml_client = client("lakes")
    ml_client.environments.create_or_update(
        Environment(name="datastores-env", version="1", image="a:1")
    )
    principal = ServicePrincipalConfiguration(
        tenant_id="tenant", client_id="client", client_secret="secret"
    )
    ml_client.datastores.create_or_update(
        AzureDataLakeGen2Datastore(
            name="lake", account_name="acct", filesystem="raw", credentials=principal
        )
    )
    ml_client.datastores.create_or_update(
        AzureFileDatastore(name="share", account_name="acct", file_share_name="files")
    )
    return ml_client


def run(ml, line, **about):
    from azure.ai.ml import command

    job = ml.jobs.create_or_update(command(command=line, environment=ENVIRONMENT, **about))
    return wait_for_end(ml, job.name)


def test_read_back(ml):
    lake, share = ml.datastores.get("lake"), ml.datastores.get("share")
    assert (lake.type, lake.filesystem) == ("AzureDataLakeGen2", "raw")
    assert (lake.credentials.tenant_id, lake.credentials.client_id) == ("tenant", "client")
    assert not lake.credentials.client_secret
    assert (share.type, share.file_share_name) == ("AzureFile", "files")
    assert {"lake", "share"} <= {each.name for each in ml.datastores.list()}


@pytest.mark.parametrize("datastore", ["lake", "share"])
def test_outputs_and_inputs_of_jobs(ml, datastore):
    from azure.ai.ml import Input, Output
    from azure.ai.ml.entities import Data

    path = f"azureml://datastores/{datastore}/paths/in/"
    output = Output(type="uri_folder", path=path)
    job = run(ml, "echo 42 > ${{outputs.out}}/a.txt", outputs={"out": output})
    assert job.status == "Completed"
    asset = ml.data.create_or_update(Data(name=f"of-{datastore}", path=path, type="uri_folder"))
    value = Input(type="uri_folder", path=f"azureml:{asset.name}:{asset.version}")
    assert run(ml, "grep 42 ${{inputs.data}}/a.txt", inputs={"data": value}).status == "Completed"


def test_addresses_of_the_lake_are_those_of_its_datastore(ml):
    from azure.ai.ml import Input, Output

    output = Output(type="uri_file", path="azureml://datastores/lake/paths/address/a.txt")
    assert run(ml, "echo 7 > ${{outputs.out}}", outputs={"out": output}).status == "Completed"
    for address in (
        "abfss://raw@acct.dfs.core.windows.net/address/a.txt",
        "https://acct.dfs.core.windows.net/raw/address/a.txt",
    ):
        value = Input(type="uri_file", path=address)
        assert run(ml, "grep 7 ${{inputs.data}}", inputs={"data": value}).status == "Completed"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("abfss://raw@other.dfs.core.windows.net/a.txt", "azure_data_lake_gen2"),
        ("https://acct.dfs.core.windows.net/other/a.txt", "other/a.txt"),
        ("adl://acct.azuredatalakestore.net/a.txt", "Gen1"),
    ],
)
def test_other_lakes_are_refused(ml, address, place):
    from azure.ai.ml import Input
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as error:
        run(ml, "true ${{inputs.x}}", inputs={"x": Input(type="uri_file", path=address)})
    assert error.value.status_code == 501
    assert place in error.value.message


def test_datastores_that_are_refused(ml):
    from azure.ai.ml.entities import AzureDataLakeGen1Datastore, AzureFileDatastore
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as error:
        ml.datastores.create_or_update(AzureDataLakeGen1Datastore(name="old", store_name="store"))
    assert error.value.status_code == 501
    with pytest.raises(HttpResponseError) as error:
        ml.datastores.create_or_update(
            AzureFileDatastore(name="bad", account_name="a", file_share_name="A_B")
        )
    assert (error.value.status_code, error.value.error.target) == (400, "fileShareName")


def test_the_sdk_uploads_no_files_to_a_share(ml, tmp_path):
    from azure.ai.ml.entities import Data
    from azure.ai.ml.exceptions import MlException

    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(MlException, match="not supported for uploads"):
        ml.data.create_or_update(
            Data(name="a", path=str(tmp_path / "a.txt"), type="uri_file", datastore="share")
        )


def test_the_sdk_uploads_to_and_downloads_from_a_lake(ml, tmp_path):
    from azure.ai.ml.entities import Data

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("in the folder\n")
    (tmp_path / "one.txt").write_text("one\n" * 1000)
    for path, kind in ((folder, "uri_folder"), (tmp_path / "one.txt", "uri_file")):
        data = Data(name=f"lake-{kind.replace('_', '-')}", path=str(path), type=kind)
        data.datastore = "lake"
        asset = ml.data.create_or_update(data)
        assert "/datastores/lake/paths/LocalUpload/" in asset.path
    again = ml.data.create_or_update(
        Data(name="again", path=str(folder), type="uri_folder", datastore="lake")
    )
    assert again.path == ml.data.get("lake-uri-folder", version="1").path  # not uploaded again
    from azure.ai.ml import Input

    inputs = {
        "folder": Input(type="uri_folder", path="azureml:lake-uri-folder:1"),
        "file": Input(type="uri_file", path="azureml:lake-uri-file:1"),
    }
    line = "grep folder ${{inputs.folder}}/a.txt && [ $(wc -l < ${{inputs.file}}) = 1000 ]"
    assert run(ml, line, inputs=inputs).status == "Completed"


def test_a_lake_through_its_own_client(ml, tmp_path):
    from azure.ai.ml._artifacts._artifact_utilities import get_datastore_info
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
    from azure.storage.filedatalake import DataLakeServiceClient

    info = get_datastore_info(ml.datastores, "lake")
    service = DataLakeServiceClient(account_url=info["account_url"], credential=info["credential"])
    lake = service.get_file_system_client("raw")
    folder = lake.get_directory_client("deep/er")
    assert not folder.exists()
    folder.create_directory()
    folder.set_metadata({"a": "b"})
    assert folder.get_directory_properties().metadata["a"] == "b"
    file = folder.create_file("x.bin")
    file.append_data(b"0123", 0, 4)
    file.append_data(b"456", 4, 3)
    with pytest.raises(HttpResponseError) as error:
        file.flush_data(9)
    assert error.value.error_code == "InvalidFlushPosition"
    file.flush_data(7)
    assert file.download_file().readall() == b"0123456"
    names = {each.name: each.is_directory for each in lake.get_paths("deep")}
    assert names == {"deep/er": True, "deep/er/x.bin": False}
    with pytest.raises(ResourceNotFoundError):
        list(lake.get_paths("nothing"))
    with pytest.raises(HttpResponseError) as error:
        file.rename_file("raw/other.bin")
    assert error.value.status_code == 501
    with pytest.raises(ResourceNotFoundError):
        service.get_file_system_client("other").get_file_client("x").create_file()
