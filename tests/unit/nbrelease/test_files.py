"""Atomic writes."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from nbrelease import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    files.write_text(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        files.write_text(path, "new\n")
    assert path.read_text() == "old\n"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_the_mode_is_preserved(tmp_path):
    path = tmp_path / "run"
    files.write_text(path, "#!/bin/sh\n")
    path.chmod(0o755)
    files.write_text(path, "#!/bin/bash\n")
    assert path.stat().st_mode & 0o777 == 0o755


def test_folders_are_created_and_sha256_digests_the_bytes(tmp_path):
    path = tmp_path / "deep" / "er" / "b.bin"
    files.write_bytes(path, b"abc")
    assert files.sha256(path).startswith("ba7816bf8f01cfea")


def test_a_write_in_a_thread_does_not_change_the_mode_of_other_files(tmp_path, monkeypatch):
    """The umask belongs to the process: while it is 0, each new file is writable by all users."""
    monkeypatch.setattr("os.umask", Mock(side_effect=AssertionError))
    files.write_text(tmp_path / "new", "x")
    (tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
