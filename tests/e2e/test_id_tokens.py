"""Prod's rehearsal without ``keepAzSessionActive``: the login of a step expires, as on Azure."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.projects import checkout, rehearse

from pipelines_local.run.folders import LOCK, RESULT

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

KEEP = "      keepAzSessionActive: true\n"
WHO = ("-c", "user.name=T", "-c", "user.email=t@example.org")


def _add_dev_run(root: Path) -> None:
    """Add a successful run of the dev pipeline with the code of the project."""
    run = root / ".pipelines-local" / "20260101T000000.000Z-000000"
    names = subprocess.run(
        ["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        target = run / "artifacts" / "code" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    (run / LOCK).touch()
    pipeline = str(root / ".ado" / "mlops-deploy-dev-ci-pipeline.yml")
    (run / RESULT).write_text(json.dumps({"result": "Succeeded", "pipeline": pipeline}))


def _train_job(project: Path) -> dict[str, Any]:
    """The job of the newest run that trains the model."""
    runs = (project / ".pipelines-local").glob("*/run.json")
    stage = json.loads(max(runs).read_text())["stages"][0]
    [job] = [job for job in stage["jobs"] if job["job"] == "train"]
    return job


def test_prod_fails_without_an_active_session(tmp_path):
    template = tmp_path / ".ado" / "templates" / "runbooks.yml"
    checkout(tmp_path)
    text = template.read_text()
    assert KEEP in text
    template.write_text(text.replace(KEEP, ""))
    subprocess.run(["git", "-C", tmp_path, *WHO, "commit", "-qam", "no session"], check=True)
    _add_dev_run(tmp_path)
    done = rehearse(tmp_path, pipeline="prod")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    job = _train_job(tmp_path)
    assert job["result"] == "Failed"
    assert "az-session-expired" in job["issues"]["codes"]


def test_prod_trains_with_an_active_session(tmp_path):
    checkout(tmp_path)
    _add_dev_run(tmp_path)
    done = rehearse(tmp_path, "--reject", "prod", pipeline="prod")
    assert done.returncode == 5, done.stdout[-3000:] + done.stderr
    job = _train_job(tmp_path)
    assert job["result"] == "Succeeded"
    assert "az-session-expired" not in job["issues"]["codes"]
