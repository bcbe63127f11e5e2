"""Folders of this machine are replaced in executed notebooks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

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


def test_other_scripts_and_blanks_are_replaced_in_urls_and_json(tmp_path):
    project = tmp_path / "Jürgen 日本" / "my project"
    replacements = list_replacements(project)
    text = f"{project}/a {project.as_uri()}/b {json.dumps(str(project / 'c'))}"
    assert replace_paths(text, replacements) == './a file://./b "./c"'


@pytest.mark.parametrize("follows", ["nn/x", "-b/x", ".old/x", "日本"])
def test_a_folder_is_not_replaced_in_a_longer_name(follows):
    replacements = [("/home/a", "~")]
    assert replace_paths(f"/home/a{follows}", replacements) == f"/home/a{follows}"


@pytest.mark.parametrize("follows", ["", "/x", ".", ":", '"', ".\nNext"])
def test_a_folder_is_replaced_before_other_characters(follows):
    assert replace_paths(f"in /home/a{follows}", [("/home/a", "~")]) == f"in ~{follows}"
