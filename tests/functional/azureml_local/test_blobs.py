"""The blob service through ``azure-storage-blob``: reads, writes, conditions and errors."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import uuid

import pytest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def store(client):
    from azure.storage.blob import ContainerClient

    datastore = client("blobs").datastores.get("workspaceblobstore", include_secrets=True)
    address = f"https://{datastore.account_name}.blob.core.windows.net/{datastore.container_name}"
    with ContainerClient.from_container_url(
        f"{address}?{datastore.credentials.sas_token}",
        max_single_put_size=1 << 10,
        max_block_size=1 << 10,
        max_single_get_size=1 << 11,
        max_chunk_get_size=1 << 10,
    ) as container:
        yield container


def test_block_uploads_and_range_reads(store):
    content = bytes(range(256)) * 40
    blob = store.get_blob_client("blocks/big file.bin")
    blob.upload_blob(content, metadata={"rows": "7"}, overwrite=True)
    assert blob.download_blob().readall() == content
    assert blob.download_blob(offset=300, length=50).readall() == content[300:350]
    assert blob.download_blob(offset=len(content) - 10).readall() == content[-10:]
    actual = blob.get_blob_properties()
    assert (actual.size, actual.metadata) == (len(content), {"rows": "7"})
    with pytest.raises(Exception, match="InvalidRange") as caught:
        blob.download_blob(offset=len(content) + 1, length=1).readall()
    assert caught.value.status_code == 416


def test_empty_and_one_byte_blobs(store):
    for content in (b"", b"x"):
        store.upload_blob("small", content, overwrite=True)
        assert store.download_blob("small").readall() == content


def test_metadata_and_content_type_belong_to_the_content(store):
    from azure.storage.blob import ContentSettings

    blob = store.get_blob_client("headers")
    text = ContentSettings(content_type="text/csv", content_encoding="utf-8")
    blob.upload_blob(b"a,b", metadata={"one": "1"}, content_settings=text)
    blob.set_blob_metadata({"two": "2"})
    actual = blob.get_blob_properties()
    assert actual.metadata == {"two": "2"}
    assert actual.content_settings.content_type == "text/csv"
    blob.set_http_headers(ContentSettings(content_type="text/plain"))
    actual = blob.get_blob_properties()
    assert (actual.metadata, actual.content_settings.content_type) == ({"two": "2"}, "text/plain")
    blob.upload_blob(b"b", overwrite=True)
    actual = blob.get_blob_properties()
    assert (actual.metadata, actual.content_settings.content_type) == (
        {},
        "application/octet-stream",
    )


def test_a_missing_container_is_not_found_and_not_created(client, store):
    from azure.core.exceptions import ResourceNotFoundError
    from azure.storage.blob import ContainerClient

    datastore = client("blobs").datastores.get("workspaceblobstore", include_secrets=True)
    address = store.url.partition("?")[0].replace(store.container_name, "absent-container")
    with ContainerClient.from_container_url(
        f"{address}?{datastore.credentials.sas_token}", retry_total=0
    ) as absent:
        blob = absent.get_blob_client("x.txt")
        for ask in (
            lambda: list(absent.list_blobs()),
            lambda: absent.upload_blob("x.txt", b"x"),
            lambda: blob.stage_block("eA==", b"x"),
            lambda: blob.download_blob(),
            blob.get_blob_properties,
            blob.delete_blob,
        ):
            with pytest.raises(ResourceNotFoundError) as caught:
                ask()
            assert caught.value.error_code == "ContainerNotFound"
        assert not absent.exists()
        absent.create_container()
        absent.upload_blob("x.txt", b"x")
        assert [each.name for each in absent.list_blobs()] == ["x.txt"]


def test_a_new_workspace_has_the_containers_of_its_datastores(client):
    from azure.storage.blob import ContainerClient

    for name in ("workspaceblobstore", "workspaceartifactstore"):
        datastore = client("blobs-of-a-new-one").datastores.get(name, include_secrets=True)
        host = f"https://{datastore.account_name}.blob.core.windows.net"
        address = f"{host}/{datastore.container_name}?{datastore.credentials.sas_token}"
        with ContainerClient.from_container_url(address) as container:
            assert list(container.list_blobs()) == []


def test_list_by_prefix_folder_and_page(store):
    for name in ("l/a/1", "l/a/2", "l/b", "l/c/3", "m"):
        store.upload_blob(name, b"x", metadata={"n": name[-1]}, overwrite=True)
    assert [each.name for each in store.list_blobs("l/")] == ["l/a/1", "l/a/2", "l/b", "l/c/3"]
    folders = store.walk_blobs("l/", delimiter="/")
    assert sorted(each.name for each in folders) == ["l/a/", "l/b", "l/c/"]
    pages = store.list_blobs("l/", results_per_page=3).by_page()
    assert [[each.name for each in page] for page in pages] == [
        ["l/a/1", "l/a/2", "l/b"],
        ["l/c/3"],
    ]
    (actual,) = store.list_blobs("l/b", include=["metadata"])
    assert (actual.metadata, actual.size, actual.blob_type) == ({"n": "b"}, 1, "BlockBlob")
    assert list(store.list_blobs("nothing/")) == []


def test_conditional_requests(store):
    from azure.core import MatchConditions
    from azure.core.exceptions import (
        ResourceExistsError,
        ResourceModifiedError,
        ResourceNotFoundError,
    )

    blob = store.get_blob_client(f"conditions-{uuid.uuid4()}")
    for ask in (blob.get_blob_properties, blob.delete_blob, blob.download_blob):
        with pytest.raises(ResourceNotFoundError):
            ask()
    assert not blob.exists()
    first = blob.upload_blob(b"one")
    for content in (b"two", b"two" * 1000):  # whole, and by blocks
        with pytest.raises(ResourceExistsError) as caught:
            blob.upload_blob(content)
        assert caught.value.error_code == "BlobAlreadyExists"
    only = {"match_condition": MatchConditions.IfNotModified}
    second = blob.upload_blob(b"two", overwrite=True, etag=first["etag"], **only)
    with pytest.raises(ResourceModifiedError) as caught:
        blob.upload_blob(b"three", overwrite=True, etag=first["etag"], **only)
    assert caught.value.error_code == "ConditionNotMet"
    with pytest.raises(ResourceModifiedError):
        blob.download_blob(etag=first["etag"], **only)
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=first["etag"], **only)
    assert blob.download_blob(etag=second["etag"], **only).readall() == b"two"
    blob.delete_blob()
    assert not blob.exists()


def test_the_md5_of_the_content_is_checked(store):
    from azure.core.exceptions import HttpResponseError

    blob = store.get_blob_client("digest")
    blob.upload_blob(b"content", overwrite=True, validate_content=True)
    blob.stage_block("MDAw", b"right", validate_content=True)
    with pytest.raises(HttpResponseError) as caught:
        blob.upload_blob(b"x", overwrite=True, headers={"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert caught.value.error_code == "Md5Mismatch"
    assert blob.download_blob().readall() == b"content"


def test_copy_within_the_account(store):
    from azure.core.exceptions import HttpResponseError

    source = store.get_blob_client("copied/from here")
    source.upload_blob(b"content", metadata={"a": "1"}, overwrite=True)
    target = store.get_blob_client("copied/to")
    assert target.start_copy_from_url(source.url)["copy_status"] == "success"
    assert target.download_blob().readall() == b"content"
    assert target.get_blob_properties().metadata == {"a": "1"}
    with pytest.raises(HttpResponseError) as caught:
        target.start_copy_from_url("https://elsewhere.blob.core.windows.net/c/b")
    assert caught.value.status_code == 501


def test_unsupported_operations_are_refused(store):
    from azure.core.exceptions import HttpResponseError, ResourceExistsError

    blob = store.get_blob_client("refused")
    blob.upload_blob(b"x", overwrite=True)
    for ask in (
        lambda: store.upload_blob("appended", b"x", blob_type="AppendBlob"),
        lambda: store.upload_blob("pages", b"x" * 512, blob_type="PageBlob", length=512),
        blob.create_snapshot,
        blob.acquire_lease,
        blob.get_block_list,
        blob.get_blob_tags,
        lambda: blob.set_standard_blob_tier("Cool"),
    ):
        with pytest.raises(HttpResponseError) as caught:
            ask()
        assert caught.value.status_code == 501
    assert blob.download_blob().readall() == b"x"
    with pytest.raises(ResourceExistsError):
        store.create_container()
    with pytest.raises(HttpResponseError) as caught:
        store.upload_blob("refused/below", b"x")
    assert caught.value.error_code == "BlobNameConflict"


def test_reads_are_consistent_during_overwrites(store):
    from azure.core.exceptions import ResourceModifiedError

    blob = store.get_blob_client("contended")
    end = threading.Event()

    def write(content):
        digest = hashlib.sha256(content).hexdigest()
        blob.upload_blob(content, overwrite=True, metadata={"digest": digest})

    def write_on():
        while not end.is_set():
            for size in (900, 1500, 5000):  # whole, and by blocks
                write(bytes([size % 256]) * size)

    write(b"first")
    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        whole = 0
        while whole < 20:
            with contextlib.suppress(ResourceModifiedError):  # between two pieces of one reading
                download = blob.download_blob()
                digest = hashlib.sha256(download.readall()).hexdigest()
                assert download.properties.metadata["digest"] == digest
                whole += 1
    finally:
        end.set()
        thread.join()
