"""Assets through the SDK: versions, labels, archives, files and errors."""

from __future__ import annotations

import textwrap

import pytest

pytestmark = pytest.mark.functional

MLMODEL = "flavors:\n  python_function:\n    loader_module: none\n"


@pytest.fixture(scope="module")
def ml(client):
    return client("assets")


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return str(folder)


def test_automatic_versions_and_the_latest_label(ml, tmp_path):
    from azure.ai.ml.constants import ListViewType
    from azure.ai.ml.entities import Data, Model

    folder = write(tmp_path / "d", a__csv="1\n")
    for entity, operations in (
        (lambda: Data(name="counted", path=folder, type="uri_folder"), ml.data),
        (lambda: Model(name="counted", path=folder, type="custom_model"), ml.models),
    ):
        created = [operations.create_or_update(entity()) for _ in range(3)]
        assert [each.version for each in created] == ["1", "2", "3"]
        assert operations.get("counted", label="latest").version == "3"
        assert [each.version for each in operations.list("counted")] == ["3", "2", "1"]
        assert "counted" in [each.name for each in operations.list()]
        operations.archive("counted", version="3")
        assert operations.get("counted", label="latest").version == "2"
        assert [each.version for each in operations.list("counted")] == ["2", "1"]
        archived = operations.list("counted", list_view_type=ListViewType.ARCHIVED_ONLY)
        assert [each.version for each in archived] == ["3"]
        operations.restore("counted", version="3")
        assert operations.get("counted", label="latest").version == "3"
        operations.archive("counted")
        assert "counted" not in [each.name for each in operations.list()]
        operations.restore("counted")
        assert "counted" in [each.name for each in operations.list()]


def test_tags_of_a_version_can_change_and_its_content_cannot(ml, tmp_path):
    from azure.ai.ml.entities import Data
    from azure.core.exceptions import ResourceExistsError

    one = write(tmp_path / "one", a__csv="1\n")
    two = write(tmp_path / "two", a__csv="2\n")

    def data(path, **tags):
        return Data(name="fixed", version="v1.0", path=path, type="uri_folder", tags=tags)

    ml.data.create_or_update(data(one, stage="raw"))
    assert ml.data.create_or_update(data(one, stage="clean")).tags == {"stage": "clean"}
    with pytest.raises(ResourceExistsError) as caught:
        ml.data.create_or_update(data(two))
    assert caught.value.error.code == "UserError"
    assert caught.value.error.target == "dataUri"
    assert caught.value.error.innererror["code"] == "Conflict"
    read = ml.data.get("fixed", "v1.0")
    assert read.tags == {"stage": "clean"}
    read.tags["owner"] = "me"
    assert ml.data.create_or_update(read).tags == {"stage": "clean", "owner": "me"}


@pytest.mark.parametrize("name", ["no good", "ä", "-x", "x" * 256, "a:b"])
def test_invalid_names_are_refused(ml, name):
    from azure.ai.ml.entities import Environment
    from azure.ai.ml.exceptions import ValidationException
    from azure.core.exceptions import HttpResponseError

    with pytest.raises((HttpResponseError, ValidationException), match=r"not valid|nvalid"):
        ml.environments.create_or_update(Environment(name=name, version="1", image="a:1"))


def test_a_missing_resource_is_not_found(ml):
    from azure.core.exceptions import ResourceNotFoundError

    for operations in (ml.data, ml.models, ml.environments, ml.components):
        with pytest.raises(ResourceNotFoundError, match="nothing:1"):
            operations.get("nothing", version="1")
    for read in (
        lambda: ml.compute.get("nothing"),
        lambda: ml.jobs.get("nothing"),
        lambda: ml.datastores.get("nothing"),
        lambda: ml.batch_endpoints.get("nothing"),
        lambda: ml.online_endpoints.get("nothing"),
    ):
        with pytest.raises(ResourceNotFoundError, match="nothing"):
            read()


def test_data_at_an_https_address_in_a_datastore_and_as_mltable(ml, tmp_path):
    from azure.ai.ml.entities import Data

    address = "https://example.org/titanic.csv"
    actual = ml.data.create_or_update(Data(name="web", path=address, type="uri_file"))
    assert ml.data.get("web", actual.version).path == address
    stored = "azureml://datastores/workspaceblobstore/paths/somewhere/x.csv"
    actual = ml.data.create_or_update(Data(name="stored", path=stored, type="uri_file"))
    assert actual.path.endswith("/datastores/workspaceblobstore/paths/somewhere/x.csv")
    assert actual.path.startswith("azureml://subscriptions/")
    table = write(
        tmp_path / "table",
        MLTable="type: mltable\npaths:\n  - file: ./a.csv\ntransformations:\n  - read_delimited\n",
        a__csv="x\n1\n",
    )
    actual = ml.data.create_or_update(Data(name="table", path=table, type="mltable"))
    assert (actual.type, actual.version) == ("mltable", "1")


def test_models_of_each_type_are_registered_and_downloaded(ml, tmp_path):
    from azure.ai.ml.entities import Model
    from azure.core.exceptions import HttpResponseError

    for kind, files in (
        ("custom_model", {"weights__bin": "w"}),
        ("mlflow_model", {"MLmodel": MLMODEL}),
        ("triton_model", {"config__pbtxt": "c"}),
    ):
        name = kind.replace("_", "-")
        folder = write(tmp_path / name, **files)
        created = ml.models.create_or_update(
            Model(name=name, path=folder, type=kind, properties={"k": "v"}, description="d")
        )
        read = ml.models.get(name, created.version)
        assert (read.type, read.properties["k"], read.description) == (kind, "v", "d")
        ml.models.download(name, created.version, download_path=tmp_path / "out")
        names = {path.name for path in (tmp_path / "out" / name).rglob("*") if path.is_file()}
        assert names == {name.replace("__", ".") for name in files}
    assert "python_function" in ml.models.get("mlflow-model", "1").flavors
    with pytest.raises(HttpResponseError) as caught:
        ml.models.create_or_update(
            Model(name="none", path=str(tmp_path / "custom-model"), type="mlflow_model")
        )
    assert (caught.value.status_code, caught.value.error.target) == (400, "modelType")


def test_generic_create_or_update_accepts_all_kinds(ml, tmp_path):
    from azure.ai.ml.entities import AmlCompute, Environment, Model

    assert ml.create_or_update(Environment(name="generic", image="a:1")).version == "1"
    folder = write(tmp_path / "m", w__bin="w")
    assert ml.create_or_update(Model(name="generic", path=folder)).version == "1"
    assert ml.begin_create_or_update(AmlCompute(name="generic", size="S")).result().size == "S"


def test_environments_with_conda_file_and_build_context(ml, tmp_path):
    from azure.ai.ml.entities import BuildContext, Environment

    write(tmp_path, conda__yml="name: e\ndependencies:\n  - python=3.11\n  - pip:\n      - click\n")
    conda = ml.environments.create_or_update(
        Environment(name="conda", conda_file=tmp_path / "conda.yml", image="ubuntu:22.04")
    )
    assert conda.conda_file["dependencies"][0] == "python=3.11"
    context = write(tmp_path / "docker", Dockerfile="FROM scratch\n")
    built = ml.environments.create_or_update(
        Environment(name="built", build=BuildContext(path=context))
    )
    assert built.build.dockerfile_path == "Dockerfile"
    assert {"conda", "built"} <= {each.name for each in ml.environments.list()}


def test_components_are_versioned_and_read_back(ml, tmp_path):
    from azure.ai.ml import load_component
    from azure.core.exceptions import ResourceExistsError

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "step.py").write_text("print(1)\n")
    text = textwrap.dedent("""
        $schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
        name: step
        type: command
        inputs:
          rate: {type: number, default: 0.5, optional: true}
          rows: {type: uri_file}
        outputs:
          out: {type: uri_folder}
        code: ./src
        environment: azureml:e:1
        command: python step.py $[[--rate ${{inputs.rate}}]] ${{inputs.rows}} ${{outputs.out}}
    """)
    (tmp_path / "step.yml").write_text(text)
    created = ml.components.create_or_update(load_component(tmp_path / "step.yml"))
    again = ml.components.create_or_update(load_component(tmp_path / "step.yml"))
    assert created.version
    read = ml.components.get("step", created.version)
    assert set(read.inputs) == {"rate", "rows"}
    assert read.command.startswith("python step.py")
    assert ml.components.get("step").version == again.version
    assert "step" in [each.name for each in ml.components.list()]
    (tmp_path / "step.yml").write_text(text.replace("step.py $", "other.py $"))
    with pytest.raises(ResourceExistsError) as caught:
        ml.components.create_or_update(
            load_component(tmp_path / "step.yml"), version=created.version
        )
    assert caught.value.error.target == "componentSpec"


def test_datastores_are_containers_of_the_workspace(ml, tmp_path):
    from azure.ai.ml.entities import AzureBlobDatastore, Data
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    assert ml.datastores.get_default().name == "workspaceblobstore"
    ml.datastores.create_or_update(
        AzureBlobDatastore(name="lake", account_name="elsewhere", container_name="raw")
    )
    assert "lake" in [each.name for each in ml.datastores.list()]
    lake = ml.datastores.get("lake")
    assert (lake.container_name, lake.credentials.type.lower()) == ("raw", "none")
    other = AzureBlobDatastore(name="other", account_name="second", container_name="raw")
    assert ml.datastores.create_or_update(other).container_name != "raw"
    with pytest.raises(HttpResponseError) as caught:
        ml.datastores.create_or_update(
            AzureBlobDatastore(name="wrong", account_name="a", container_name="No_Container")
        )
    assert (caught.value.status_code, caught.value.error.target) == (400, "containerName")
    folder = write(tmp_path / "d", a__csv="1\n")
    data = ml.data.create_or_update(
        Data(name="inlake", path=folder, type="uri_folder", datastore="lake")
    )
    assert "/datastores/lake/paths/" in data.path
    assert data.path.endswith("/d/")
    ml.datastores.delete("lake")
    with pytest.raises(ResourceNotFoundError):
        ml.datastores.get("lake")


def test_compute_is_stored_and_validated(ml):
    from azure.ai.ml.entities import AmlCompute, ComputeInstance, IdentityConfiguration
    from azure.core.exceptions import HttpResponseError

    identity = IdentityConfiguration(type="system_assigned")
    size = "STANDARD_DS3_V2"
    created = ml.compute.begin_create_or_update(
        AmlCompute(name="cluster", size=size, min_instances=0, max_instances=2, identity=identity)
    ).result()
    assert (created.type, created.size, created.max_instances) == (
        "amlcompute",
        "STANDARD_DS3_V2",
        2,
    )
    created.max_instances = 3
    ml.compute.begin_update(created).result()
    assert ml.compute.get("cluster").max_instances == 3
    assert ml.compute.get("cluster").identity.type == "system_assigned"
    created.identity.type = "own"
    with pytest.raises(HttpResponseError) as caught:
        ml.compute.begin_update(created).result()
    assert caught.value.error.target == "identity.type"
    created.identity.type = "system_assigned"
    created.min_instances = 9
    with pytest.raises(HttpResponseError) as caught:
        ml.compute.begin_update(created).result()
    assert caught.value.error.target == "scaleSettings"
    ml.compute.begin_create_or_update(ComputeInstance(name="own-ci", size="S")).result()
    assert ml.compute.get("own-ci").state == "Running"
    ml.compute.begin_stop("own-ci").result()
    assert ml.compute.get("own-ci").state == "Stopped"
    ml.compute.begin_start("own-ci").result()
    assert {"cluster", "own-ci"} <= {each.name for each in ml.compute.list()}
    ml.compute.begin_delete("cluster").result()
    assert "cluster" not in {each.name for each in ml.compute.list()}


def test_workspaces_are_created_updated_and_deleted(client):
    from azure.ai.ml.entities import Data, Workspace

    ml = client("short-lived")
    created = ml.workspaces.begin_create(
        Workspace(name="short-lived", location="westeurope", description="first", tags={"a": "b"})
    ).result()
    assert (created.name, created.public_network_access) == ("short-lived", "Enabled")
    ml.data.create_or_update(Data(name="web", path="https://example.org/a.csv", type="uri_file"))
    created.description = "second"
    changed = ml.workspaces.begin_update(created, public_network_access="Disabled").result()
    assert (changed.description, changed.public_network_access) == ("second", "Disabled")
    assert "short-lived" in [each.name for each in ml.workspaces.list()]
    assert "short-lived" in [each.name for each in ml.workspaces.list(scope="subscription")]
    ml.workspaces.begin_delete("short-lived", delete_dependent_resources=True).result()
    assert "short-lived" not in [each.name for each in ml.workspaces.list()]
    assert "web" not in [each.name for each in ml.data.list()]


def test_feature_stores_are_refused_and_leave_no_workspace(client):
    from azure.ai.ml.entities import FeatureStore
    from azure.core.exceptions import HttpResponseError

    ml = client("plain")
    with pytest.raises(HttpResponseError) as caught:
        ml.feature_stores.begin_create(FeatureStore(name="store", location="westeurope")).result()
    assert caught.value.status_code == 501
    assert "store" not in [each.name for each in ml.workspaces.list()]
