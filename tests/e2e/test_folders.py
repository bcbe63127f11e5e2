"""A project with other folders than those of a new one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.e2e.packs import newest, read_values
from tests.e2e.projects import checkout, nbrelease

from nbrelease.records import read_results

pytestmark = pytest.mark.e2e


@pytest.fixture
def moved(tmp_path) -> Path:
    """The example with its exported code in ``modules`` and its runbooks in ``ml/runbooks``."""
    root = checkout(tmp_path / "project")
    (root / "ml").mkdir()
    for old, new in (("exported", "modules"), ("runbooks", "ml/runbooks")):
        (root / old).rename(root / new)
    settings = root / "settings.ini"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("[DEFAULT]\n", "[DEFAULT]\nexported = modules\nrunbooks = ml/runbooks\n", 1)
    settings.write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for command in (["add", "-A"], [*identity, "commit", "-q", "-m", "moved"]):
        subprocess.run(["git", "-C", root, *command], check=True)
    return root


def test_runbooks_find_the_code_the_data_and_the_packages(moved):
    names = ["01_prepare", "02_train", "03_register", "06_deploy_online"]
    done = nbrelease(moved, "run", *names, "--env", "dev")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    pack = newest(moved)
    results = {each.name: each for each in read_results(pack)}
    assert [each.verdict for each in results.values()] == ["passed"] * 4
    assert results["02_train"].source == "ml/runbooks/02_train.ipynb"
    assert results["02_train"].parameters["project_root"] == "../.."
    assert results["06_deploy_online"].parameters["exported"] == "modules"
    assert read_values(pack, "02_train")["package_list"]
