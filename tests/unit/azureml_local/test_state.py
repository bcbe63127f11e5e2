"""Paths stay in their container, transactions are atomic, routes ignore case, tokens are signed."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest

from azureml_local.assets.versions import Assets
from azureml_local.disk_space import is_disk_full
from azureml_local.documents.assets import DATA
from azureml_local.errors import BadRequest
from azureml_local.files import LOG_BYTES, inside, read_end, read_part
from azureml_local.identity import auth
from azureml_local.jobs.runner import last_line
from azureml_local.online.traffic import choose_deployment, validate_traffic
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import FILES, State
from azureml_local.store import Store


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "..", "a/./b", "a\0b", "a/..", "..\\x", "a/b\\..\\..\\c"]
)
def test_a_path_outside_of_the_folder_is_refused(tmp_path, path):
    with pytest.raises(BadRequest) as error:
        inside(tmp_path / "container", path)
    assert error.value.code == "InvalidUri"


def test_a_store_on_a_full_disk_writes_nothing_and_works_again(tmp_path):
    store = Store(tmp_path / "store.sqlite3")
    store.put("w", "data", "small", "1", {})
    [pages] = store._connection.execute("pragma page_count").fetchone()
    store._connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError) as error:
        store.put("w", "data", "big", "1", {"text": "x" * 100_000})
    assert is_disk_full(error.value)
    assert store.get("w", "data", "big", "1") is None
    store._connection.execute("pragma max_page_count = 100000")
    store.put("w", "data", "big", "1", {"text": "x" * 100_000})
    other = Store(tmp_path / "store.sqlite3")  # another connection sees what was committed
    assert other.get("w", "data", "big", "1") is not None
    other.close()
    store.close()


def test_a_link_outside_of_the_folder_is_refused(tmp_path):
    (tmp_path / "container").mkdir()
    (tmp_path / "container" / "link").symlink_to(tmp_path)
    with pytest.raises(BadRequest) as error:
        inside(tmp_path / "container", "link/secret")
    assert error.value.code == "InvalidUri"


@pytest.mark.parametrize("path", ["a", "/a//b", "..a/b..", "LocalUpload/1/x y.csv"])
def test_other_paths_are_inside(tmp_path, path):
    assert inside(tmp_path, path).is_relative_to(tmp_path)


def test_the_end_of_a_log_is_read(tmp_path):
    log = tmp_path / "log"
    assert read_end(log) == ""
    log.write_bytes("first\nsecond ö\n".encode() + b"third \xc3")
    assert read_end(log, 8) == "\nthird "  # an incomplete character is read the next time
    assert read_part(log, 6, 0) == ("first\n", 6)
    assert read_part(log, 8, 6) == ("second ", 13)
    assert read_part(log, 100, 1000) == ("", log.stat().st_size)
    log.write_bytes(b"first error\n" + b"\n" * LOG_BYTES)
    assert last_line(log) == ""  # the beginning of a long log is not read
    log.write_bytes(b"x\n" * LOG_BYTES + b"the error\n\n")
    assert last_line(log) == "the error"


def test_a_failed_transaction_writes_nothing(tmp_path):
    store = Store(tmp_path / "s.sqlite3")
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012 - the block is what fails
        store.put("w", "data", "a", "1", {})
        1 / 0  # noqa: B018
    assert store.entries("w", "data") == []
    store.put("w", "data", "a", "1", {"x": 1})
    store.close()
    again = Store(tmp_path / "s.sqlite3")
    assert [(row.name, row.body) for row in again.entries("w", "data", "A")] == [("a", {"x": 1})]
    assert again.delete("w", "data", "a", "1")
    assert not again.delete("w", "data", "a", "1")


def test_routes_ignore_case():
    routes = Routes(Path())
    routes.add("GET", WORKSPACE + "/data/{name}", "x")(None)
    path = "/SUBSCRIPTIONS/s/resourcegroups/g/providers/microsoft.machinelearningservices/Workspaces/w/DATA/d"
    match = routes.table[0].regex.fullmatch(path)
    assert match["name"] == "d"
    assert routes.table[0].regex.fullmatch(path + "/versions") is None


def test_a_token_is_valid_with_its_signature_and_before_its_expiry():
    secret = "a secret of at least 32 characters"
    token, _ = auth.issue_token(secret, "audience", "key")
    claims = auth.decode_token(secret, token)
    assert claims is not None
    assert (claims["aud"], claims["ws"]) == ("audience", "key")
    assert auth.decode_token(secret[::-1], token) is None
    assert auth.decode_token(secret, token[:-2] + ("AA" if token[-2:] != "AA" else "BB")) is None
    for invalid in ("", "a.b.c", auth.sign_token(secret, {"exp": 1}), auth.sign_token(secret, {})):
        assert auth.decode_token(secret, invalid) is None


def test_traffic_is_drawn_by_its_shares():
    assert validate_traffic({"a": 30, "b": 70, "gone": 0}, {"a", "b"}) == {"a": 30, "b": 70}
    assert choose_deployment({"a": 0, "b": 0}) is None
    assert {choose_deployment({"a": 0, "b": 100}) for _ in range(50)} == {"b"}
    for wrong in ({"a": 99}, {"a": -1, "b": 101}, {"c": 100}):
        with pytest.raises(BadRequest):
            validate_traffic(wrong, {"a", "b"})


@pytest.mark.parametrize("name", ["dev", "datastores"])
def test_the_path_of_an_address_in_a_datastore(tmp_path, name):
    state = State(tmp_path, "https://localhost:1")
    workspace = state.create_workspace("s", "g", name, {})
    uri = workspace.datastore_uri(FILES, "a/datastores/b.csv")
    path = workspace.container(FILES) / "a" / "datastores" / "b.csv"
    assert workspace.local_path(uri) == path
    short = f"azureml://datastores/{FILES}/paths/a/datastores/b.csv"
    assert workspace.local_path(short) == path
    with pytest.raises(BadRequest):
        workspace.local_path(f"azureml://datastores/{FILES}/")


def test_tags_of_an_asset_must_be_an_object(tmp_path):
    state = State(tmp_path, "https://localhost:1")
    assets = Assets(state.create_workspace("s", "g", "w", {}), DATA)
    with pytest.raises(BadRequest) as error:
        assets.register("rows", "1", {"dataUri": "https://host/rows.csv", "tags": ["a"]})
    assert error.value.target == "tags"
    with pytest.raises(BadRequest):
        assets.update_container("rows", {"tags": ["a"]})
    assert assets.versions() == []


def test_the_folder_of_sockets_of_a_killed_server_is_removed(tmp_path, monkeypatch):
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    data.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert list(temporary.iterdir()) == []
    killed = State(data, "https://localhost:1").sockets
    assert list(temporary.iterdir()) == [killed]
    state = State(data, "https://localhost:1")
    new = state.sockets
    assert list(temporary.iterdir()) == [new] != [killed]
    state.remove_sockets()
    assert list(temporary.iterdir()) == []
