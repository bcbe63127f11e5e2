"""``nbrelease settings --assets``: what azure-ai-ml would not take is told before anything is deployed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from nbrelease.cli import main

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[3]
WRONG = [
    ("batch_deployment.yml", "error_threshold: 0", "error_threshold: many", "error_threshold: Not a valid integer."),
    ("online_endpoint.yml", "auth_mode: key", "auth_mode: keys", "auth_mode: Value 'keys' passed is not in set"),
    ("data.yml", "type: uri_file", "type: uri", "type: Must be one of: uri_file, uri_folder, mltable."),
    ("environment.yml", "conda/train.yml", "conda/nope.yml", "No such file or directory"),
    ("train_job.yml", "\ncommand:", "\ncomand:", "command: Missing data for required field."),
    ("fetch_job.yml", "\nexperiment_name: fetch", "\nexperiment_name: [", "while parsing"),
    ("model.yml", "model.schema.json", "modell.schema.json", "begin it with '$schema: .../NAME.schema.json'"),
]  # fmt: skip


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("conda", "data", "exported"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "settings.ini", tmp_path)
    shutil.copytree(ROOT / "runbooks" / "assets", tmp_path / "runbooks" / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runbooks" / "assets"


def test_the_shipped_assets_are_right(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--assets"]) == 0
    told = capsys.readouterr().out
    assert "[dev] is right" in told
    assert "runbooks/assets/online_deployment.yml: managedOnlineDeployment" in told
    assert len(re.findall(r"^runbooks/assets/", told, re.MULTILINE)) == len(
        list(copied.glob("*.yml"))
    )


def test_all_that_is_wrong_is_told_in_one_line_each(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, old, new, _ in WRONG:
        text = (copied / name).read_text()
        assert old in text
        (copied / name).write_text(text.replace(old, new))
    assert main(["settings", "--assets"]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "assets/" in line]
    assert len(told) == len(WRONG)
    for name, _, _, message in WRONG:
        line = next(line for line in told if name in line)
        assert message in line
    assert main(["settings", "dev", "--assets"]) == 2
