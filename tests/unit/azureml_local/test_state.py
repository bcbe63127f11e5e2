"""Paths that a request names stay in their container; documents survive; paths ignore case."""

from __future__ import annotations

import pytest

from azureml_local import auth
from azureml_local.errors import BadRequest
from azureml_local.online.traffic import choose_deployment, validate_traffic
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import inside
from azureml_local.store import Store


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "..", "a/./b", "a\0b", "a/..", "..\\x", "a/b\\..\\..\\c"]
)
def test_a_path_that_leads_out_is_refused(tmp_path, path):
    with pytest.raises(BadRequest, match="leads out"):
        inside(tmp_path / "container", path)


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "container").mkdir()
    (tmp_path / "container" / "link").symlink_to(tmp_path)
    with pytest.raises(BadRequest, match="leads out"):
        inside(tmp_path / "container", "link/secret")


@pytest.mark.parametrize("path", ["a", "/a//b", "..a/b..", "LocalUpload/1/x y.csv"])
def test_other_paths_are_inside(tmp_path, path):
    assert inside(tmp_path, path).is_relative_to(tmp_path)


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    store = Store(tmp_path / "s.sqlite3")
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012 - the block is what fails
        store.put("w", "data", "a", "1", {})
        1 / 0  # noqa: B018
    assert store.entries("w", "data") == []
    store.put("w", "data", "a", "1", {"x": 1})
    store.close()
    again = Store(tmp_path / "s.sqlite3")
    assert [(found.name, found.body) for found in again.entries("w", "data", "A")] == [
        ("a", {"x": 1})
    ]
    assert again.delete("w", "data", "a", "1")
    assert not again.delete("w", "data", "a", "1")


def test_a_path_is_matched_without_regard_to_case():
    routes = Routes()
    routes.add("GET", WORKSPACE + "/data/{name}", "x")(None)
    path = "/SUBSCRIPTIONS/s/resourcegroups/g/providers/microsoft.machinelearningservices/Workspaces/w/DATA/d"
    match = routes.table[0].regex.fullmatch(path)
    assert match["name"] == "d"
    assert routes.table[0].regex.fullmatch(path + "/versions") is None


def test_a_token_is_only_good_with_its_signature():
    value, _ = auth.issue_token("secret", "audience")
    assert auth.valid_token("secret", value)
    assert not auth.valid_token("other", value)
    assert not auth.valid_token("secret", value[:-2] + ("AA" if not value.endswith("AA") else "BB"))
    assert not auth.valid_token("secret", "")


def test_traffic_is_drawn_by_its_shares():
    assert validate_traffic({"a": 30, "b": 70, "gone": 0}, {"a", "b"}) == {"a": 30, "b": 70}
    assert choose_deployment({"a": 0, "b": 0}) is None
    assert {choose_deployment({"a": 0, "b": 100}) for _ in range(50)} == {"b"}
    for wrong in ({"a": 99}, {"a": -1, "b": 101}, {"c": 100}):
        with pytest.raises(BadRequest):
            validate_traffic(wrong, {"a", "b"})
