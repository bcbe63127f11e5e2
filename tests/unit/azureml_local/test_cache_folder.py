"""Files that can be made again are in the user's cache folder, if there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.files import cache_folder


def test_it_is_in_the_folder_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = cache_folder()
    assert folder == tmp_path / "caches" / "azureml-local"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_it_is_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "azureml-local"


def test_no_folder_if_it_cannot_be_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_folder() is None
