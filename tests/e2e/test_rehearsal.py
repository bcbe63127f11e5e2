"""The main job: a dev release rehearsed from a fresh checkout, by the command line alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
# The public file, where somebody has fetched it; the sample that ships otherwise.
REAL = [
    REPOSITORY / "data" / "diabetes.csv",
    REPOSITORY.parent / "shared" / "data" / "diabetes.csv",
]
FIGURES = {"accuracy": 0.7889, "roc_auc": 0.8568}
RUNBOOKS = [
    "01_prepare",
    "02_train",
    "03_register",
    "04_deploy_batch",
    "05_test_batch",
    "06_deploy_online",
    "07_test_online",
    "08_release_online",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout of the working tree as it is, in a repository of its own."""
    root = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name)
    for command in (
        ["init", "-q", "-b", "develop"],
        ["add", "-A"],
        ["-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", "all"],
    ):
        subprocess.run(["git", "-C", root, *command], check=True)
    return root


def rehearse(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nbrelease", "rehearse", "dev", *words],
        cwd=project, capture_output=True, text=True, timeout=280,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
    )  # fmt: skip


def newest(project: Path) -> tuple[Path, dict]:
    pack = max((project / "evidence").iterdir(), key=lambda path: path.name)
    return pack, json.loads((pack / "record.json").read_text())


def left_behind(project: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(project):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # ended meanwhile
    return found


def check_pack(project: Path, pack: Path) -> None:
    """Every file is listed with its digest, nothing names this machine, links lead somewhere."""
    manifest = json.loads((pack / "manifest.json").read_text())["files"]
    there = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    assert there == set(manifest) | {"manifest.json"}
    for name, digest in manifest.items():
        content = (pack / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert str(project).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name


def test_the_whole_line(project):
    data = next((path for path in REAL if path.is_file()), None)
    words = ["--set", f"training_data={data}"] if data else []
    done = rehearse(project, *words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    pack, record = newest(project)
    lines = done.stdout.strip().splitlines()[-4:]
    assert lines[0].split() == ["verdict", "passed"]
    assert lines[1].split() == ["model", "diabetes-classifier", "version", "1"]
    assert lines[2] == "endpoint  diabetes-online, deployment model-1"
    assert lines[3] == f"evidence  evidence/{pack.name}/index.html"

    assert record["verdict"] == "passed"
    assert [runbook["name"] for runbook in record["runbooks"]] == RUNBOOKS
    assert {cell["state"] for runbook in record["runbooks"] for cell in runbook["cells"]} == {
        "passed"
    }
    assert record["tests"]["passed"] == record["tests"]["total"] >= 12
    assert [stage["name"] for stage in record["stages"]] == ["train", "deploy"]
    assert record["model"]["version"] == "1"
    assert record["endpoints"]["online"]["traffic"] == {"model-1": 100}
    assert record["endpoints"]["online"]["parity_max_abs_diff"] == 0
    assert (
        record["endpoints"]["batch"]["rows_in"] == record["endpoints"]["batch"]["rows_out"] == 200
    )
    assert record["source"]["dirty"] is False
    if data:
        found = {name: round(record["metrics"][name], 4) for name in FIGURES}
        assert found == FIGURES
    check_pack(project, pack)
    assert not left_behind(project)
    status = subprocess.run(
        ["git", "-C", project, "status", "--short"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_a_file_without_a_column_stops_before_the_training(project, tmp_path):
    sample = (project / "data" / "diabetes-sample.csv").read_text().splitlines()
    without_age = [
        "".join(line.rpartition(",")[0].rpartition(",")[0::2]) + "," + line.rpartition(",")[2]
        for line in sample
    ]
    (tmp_path / "rows.csv").write_text("\n".join(without_age) + "\n")
    done = rehearse(project, "--set", f"training_data={tmp_path / 'rows.csv'}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    pack, record = newest(project)
    assert record["verdict"] == "failed"
    assert "cell columns: expected «PatientID" in record["reason"]
    assert [runbook["name"] for runbook in record["runbooks"]] == ["01_prepare"]
    assert {cell["id"]: cell["state"] for cell in record["runbooks"][0]["cells"]}[
        "columns"
    ] == "check failed"
    check_pack(project, pack)
    assert not left_behind(project)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "estimater=logistic"], "no such key; did you mean estimator?"),
        (["--set", "training_data=nowhere.csv"], "nowhere.csv: no such data file"),
        (["--set", "kernel_name=julia"], "kernel «julia» is not installed"),
    ],
)
def test_what_is_set_wrongly_is_one_line_and_exit_code_2(project, words, said):
    done = rehearse(project, *words)
    assert done.returncode == 2
    assert [said in line for line in done.stderr.strip().splitlines()] == [True]
    assert not left_behind(project)
