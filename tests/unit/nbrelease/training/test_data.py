"""The forms of training data."""

from __future__ import annotations

import hashlib
import socket
import tempfile

import pytest

from nbrelease.errors import DataError, SettingsError
from nbrelease.training import data
from nbrelease.training.data import (
    digest,
    digest_model,
    find_local,
    guess_type,
    parse_reference,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("azureml:rentals:3", ("rentals", "3", None)),
        ("azureml:rentals@latest", ("rentals", None, "latest")),
        ("azureml:rentals", ("rentals", None, "latest")),
        ("azureml://datastores/workspaceblobstore/paths/a.csv", None),
        ("data/rentals.csv", None),
        ("https://example.com/rentals.csv", None),
    ],
)
def test_references_to_data_assets(text, expected) -> None:
    assert parse_reference(text) == expected


def test_a_datastore_path_without_a_suffix_is_a_folder() -> None:
    store = "azureml://datastores/workspaceblobstore/paths"
    assert guess_type(f"{store}/rentals/2026.parquet") == "uri_file"
    assert guess_type(f"{store}/rentals/") == "uri_folder"
    assert guess_type(f"{store}/rentals") == "uri_folder"


def test_the_digest_of_a_folder_covers_names_and_contents(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "1.csv"
    file.write_text("x\n1\n")
    assert digest(file) == hashlib.sha256(b"x\n1\n").hexdigest()
    before = digest(tmp_path / "a")
    assert before == digest(tmp_path / "a")
    file.rename(tmp_path / "a" / "2.csv")
    assert digest(tmp_path / "a") != before


def test_a_folder_without_data_is_an_error(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("x")
    with pytest.raises(DataError):
        find_local("data", tmp_path)


def test_a_file_that_is_not_there_is_an_error_of_the_settings(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"data/none\.csv"):
        find_local("data/none.csv", tmp_path)
    (tmp_path / "rows.csv").write_text("x\n1\n")
    assert find_local("rows.csv", tmp_path) == tmp_path / "rows.csv"


def test_the_digest_of_a_model_covers_names_lengths_and_contents(tmp_path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "MLmodel").write_bytes(b"x: 1\n")
    (tmp_path / "b" / "model.pkl").write_bytes(b"\0" * 3_000_000)
    expected = b"MLmodel\x005\0x: 1\n" + b"b/model.pkl\x003000000\0" + b"\0" * 3_000_000
    assert digest_model(tmp_path) == hashlib.sha256(expected).hexdigest()


def test_a_download_that_fails_ends_and_leaves_no_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(data, "DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/rows.csv"
        with pytest.raises(SettingsError, match=r"training_data: https://.*timed out"):
            find_local(address, tmp_path)
    with pytest.raises(SettingsError, match="training_data: https://"):
        find_local(address, tmp_path)
    assert list(tmp_path.iterdir()) == []
