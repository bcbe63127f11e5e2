"""Folders of this machine are replaced in executed notebooks."""

from __future__ import annotations

import sys
from pathlib import Path

from nbrelease.runbook.machine_paths import list_replacements, replace_paths


def test_folders_are_replaced_at_any_depth(tmp_path):
    project = tmp_path / "project"
    replacements = list_replacements(project, {"<data>": tmp_path / "rows"})
    replaced = replace_paths(
        {
            "outputs": [{"text": f"{project}/runbooks/a.ipynb"}, f"see {tmp_path}/rows/d.csv"],
            "python": f"{sys.prefix}/lib/x.py",
            "home": f"{Path.home()}/.azure",
            "count": 3,
        },
        replacements,
    )
    assert replaced == {
        "outputs": [{"text": "./runbooks/a.ipynb"}, "see <data>/d.csv"],
        "python": "<python>/lib/x.py",
        "home": "~/.azure",
        "count": 3,
    }


def test_the_longest_folder_wins(tmp_path):
    inner = tmp_path / "a" / "b"
    replacements = list_replacements(tmp_path / "a", {"<inner>": inner})
    assert replace_paths(f"{inner}/c", replacements) == "<inner>/c"


def test_the_root_of_the_file_system_is_not_replaced():
    assert replace_paths("/etc/hosts", list_replacements(Path("/"))) == "/etc/hosts"
