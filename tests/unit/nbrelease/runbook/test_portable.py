"""Executed notebooks without the machine they ran on."""

from __future__ import annotations

import sys
from pathlib import Path

from nbrelease.runbook.portable import folders, without


def test_no_text_at_any_depth_names_a_known_folder(tmp_path):
    project = tmp_path / "project"
    pairs = folders(project, {"<data>": tmp_path / "rows"})
    found = without(
        {
            "outputs": [{"text": f"{project}/runbooks/a.ipynb"}, f"see {tmp_path}/rows/d.csv"],
            "python": f"{sys.prefix}/lib/x.py",
            "home": f"{Path.home()}/.azure",
            "count": 3,
        },
        pairs,
    )
    assert found == {
        "outputs": [{"text": "./runbooks/a.ipynb"}, "see <data>/d.csv"],
        "python": "<python>/lib/x.py",
        "home": "~/.azure",
        "count": 3,
    }


def test_the_longest_folder_counts_first(tmp_path):
    inner = tmp_path / "a" / "b"
    assert without(f"{inner}/c", folders(tmp_path / "a", {"<inner>": inner})) == "<inner>/c"


def test_the_file_systems_root_is_never_replaced():
    assert without("/etc/hosts", folders(Path("/"))) == "/etc/hosts"
