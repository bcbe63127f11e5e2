"""``nbrelease settings --assets`` reports YAML files that azure-ai-ml would reject."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from nbrelease.cli import main

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[3]
WRONG = [
    ("batch_deployment.yml", "error_threshold: 0", "error_threshold: many", "error_threshold"),
    ("online_endpoint.yml", "auth_mode: key", "auth_mode: keys", "auth_mode"),
    ("data.yml", "type: uri_file", "type: uri", "uri_file"),
    ("environment.yml", "conda/train.yml", "conda/nope.yml", "nope.yml"),
    ("train_job.yml", "\ncommand:", "\ncomand:", "command"),
    ("fetch_job.yml", "\nexperiment_name: fetch", "\nexperiment_name: [", "line "),
    ("model.yml", "model.schema.json", "modell.schema.json", "$schema"),
]  # fmt: skip


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("conda", "data", "exported"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "settings.ini", tmp_path)
    shutil.copytree(ROOT / "runbooks" / "assets", tmp_path / "runbooks" / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runbooks" / "assets"


def test_the_shipped_assets_are_valid(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--assets"]) == 0
    out = capsys.readouterr().out
    assert "[dev]" in out
    assert "runbooks/assets/online_deployment.yml: managedOnlineDeployment" in out
    assert len(re.findall(r"^runbooks/assets/", out, re.MULTILINE)) == len(
        list(copied.glob("*.yml"))
    )


def test_each_invalid_file_is_reported_in_one_line(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, old, new, _ in WRONG:
        text = (copied / name).read_text()
        assert old in text
        (copied / name).write_text(text.replace(old, new))
    assert main(["settings", "--assets"]) == 2
    reported = [line for line in capsys.readouterr().err.splitlines() if "assets/" in line]
    assert len(reported) == len(WRONG)
    for name, _, _, field in WRONG:
        line = next(line for line in reported if name in line)
        assert field in line
    assert main(["settings", "dev", "--assets"]) == 2
