"""Releases rehearsed from a fresh checkout, by the command line alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import projects
from tests.e2e.projects import REPOSITORY, checkout, environment, nbrelease, python, read_values

from nbrelease.evidence.verify import verify

pytestmark = pytest.mark.e2e

# The public file, where somebody has fetched it; the sample that ships otherwise.
REAL = [
    REPOSITORY / "data" / "diabetes.csv",
    REPOSITORY.parent / "shared" / "data" / "diabetes.csv",
]
# (accuracy, ROC AUC) on the public file's held-out rows
FIGURES = {
    "logistic": (0.7889, 0.8568),
    "pipeline": (0.8389, 0.9202),
    "random_forest": (0.9342, 0.9826),
}
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
    return checkout(tmp_path_factory.mktemp("project"))


def rehearse(project: Path, *words: str, pipeline: str = "dev") -> subprocess.CompletedProcess[str]:
    return nbrelease(project, "rehearse", pipeline, *words)


def rollout(pack: Path) -> list[dict]:
    return read_values(pack, "08_release_online")["rollout"]


def newest(project: Path, env: str = "dev") -> tuple[Path, dict]:
    return read(projects.newest(project, env))


def packs(project: Path) -> set[Path]:
    return {manifest.parent for manifest in (project / "evidence").glob("*/manifest.json")}


def read(pack: Path) -> tuple[Path, dict]:
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
    """It verifies, also after a bad end; nothing names this machine, links lead somewhere."""
    report = verify(pack)
    assert not report.failed, report.text()
    manifest = json.loads((pack / "manifest.json").read_text())["files"]
    there = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    assert there == set(manifest) | {"manifest.json", "later/index.html"}
    for name, digest in manifest.items():
        content = (pack / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert str(project).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name
    assert (pack / "index.html").stat().st_size < 1 << 20
    assert sum((pack / name).stat().st_size for name in there) < 5 << 20
    for page in (pack / name for name in there if name.endswith(".html")):
        for href in re.findall(r'<a\b[^>]* href="([^"#]+)', page.read_text(encoding="utf-8")):
            if not href.startswith(("http://", "https://")):  # an author's link to the web
                assert (page.parent / href).is_file(), (page.name, href)


LOOK = """
import json, sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), *sys.argv[1:4])
name = "diabetes-online"
print(json.dumps({
    "models": sorted(m.version for m in client.models.list(name="diabetes-classifier")),
    "deployments": sorted(d.name for d in client.online_deployments.list(name)),
    "traffic": client.online_endpoints.get(name).traffic,
    "batch": client.batch_endpoints.get("diabetes-batch").defaults.deployment_name,
}))
"""


def look(project: Path, record: dict) -> dict:
    """What the workspace of a release holds now, asked through the SDK."""
    workspace = record["workspace"]
    names = [workspace[key] for key in ("subscription_id", "resource_group", "workspace_name")]
    words = ["run", "--data", ".azureml-local", "--", sys.executable, "-W", "ignore", "-c", LOOK]
    done = python(project, "-m", "azureml_local", *words, *names)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def check_figures(record: dict, estimator: str, data: Path | None) -> None:
    assert record["parameters"]["estimator"] == estimator
    if data is not None:
        found = (round(record["metrics"]["accuracy"], 4), round(record["metrics"]["roc_auc"], 4))
        assert found == FIGURES[estimator]


def test_the_story(project):
    """Three iterations of a model: approved, rejected, approved; what prod holds after each."""
    data = next((path for path in REAL if path.is_file()), None)
    words = ["--set", f"training_data={data}"] if data else []

    # 1: proved in dev
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
    states = {cell["state"] for runbook in record["runbooks"] for cell in runbook["cells"]}
    assert states == {"passed"}
    assert record["tests"]["passed"] == record["tests"]["total"] >= 12
    assert [stage["name"] for stage in record["stages"]] == ["build", "train", "deploy", "evidence"]
    assert {stage["result"] for stage in record["stages"]} == {"Succeeded"}
    assert record["model"]["version"] == "1"
    assert record["endpoints"]["online"]["traffic"] == {"model-1": 100}
    assert record["endpoints"]["online"]["parity_max_abs_diff"] == 0
    batch = record["endpoints"]["batch"]
    assert batch["rows_in"] == batch["rows_out"] == 241
    files = read_values(pack, "05_test_batch")["batch_files"]
    refused = {each["file"]: each["refused"] for each in files if "refused" in each}
    assert refused == {
        "blank.csv": "blank.csv: Input X contains NaN.",
        "empty.csv": "empty.csv: the file is empty",
    }
    assert record["source"]["dirty"] is False
    check_figures(record, "logistic", data)
    check_pack(project, pack)
    assert not left_behind(project)
    status = subprocess.run(
        ["git", "-C", project, "status", "--short"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""

    # 1: in prod it waits for each of two approvals, and goes on where it stood
    done = rehearse(project, *words, pipeline="prod")
    assert done.returncode == 4, done.stdout[-3000:] + done.stderr
    run = done.stdout.split("--resume ")[-1].split()[0]
    assert "evidence-train-1/index.html" in done.stdout
    assert not list((project / "evidence").glob("prod-*/manifest.json"))
    [shown] = (project / ".pipelines-local" / run / "artifacts").glob("evidence-*/record.json")
    shown = json.loads(shown.read_text())
    assert (shown["verdict"], shown["waiting_for"]) == ("open", "prod")
    words_of_ada = ["--approve", "prod=Ada:first", "--approve", "blue=Ada:all green"]
    done = rehearse(project, *words, "--resume", run, *words_of_ada, pipeline="prod")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    pack, record = newest(project, "prod")
    assert record["verdict"] == "passed"
    assert [
        (d["environment"], d["decision"], d["name"], d["comment"]) for d in record["decisions"]
    ] == [
        ("prod", "approved", "Ada", "first"),
        ("blue", "approved", "Ada", "all green"),
    ]
    check_figures(record, "logistic", data)
    check_pack(project, pack)
    first = look(project, record)
    assert first == {
        "models": ["1"], "deployments": ["model-1"], "traffic": {"model-1": 100}, "batch": "model-1",
    }  # fmt: skip

    # 2: rejected before anything is registered
    pipe = ["--set", "estimator=pipeline", "--reject", "prod=Bob:the old one stays"]
    done = rehearse(project, *words, *pipe, pipeline="prod")
    assert done.returncode == 5, done.stdout[-3000:] + done.stderr
    pack, record = newest(project, "prod")
    assert record["verdict"] == "rejected"
    assert "Bob" in record["reason"]
    assert record["model"] is None
    assert record["stages"][1]["result"] == "Rejected"
    assert [runbook["name"] for runbook in record["runbooks"]] == RUNBOOKS[:2]
    assert "rejected" in (pack / "index.html").read_text()
    check_figures(record, "pipeline", data)
    check_pack(project, pack)
    assert look(project, record) == first

    # 3: approved; the new deployment takes the traffic, the old one stays at 0
    forest = ["--set", "estimator=random_forest", *words_of_ada]
    done = rehearse(project, *words, *forest, pipeline="prod")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    pack, record = newest(project, "prod")
    assert record["model"]["version"] == "2"
    check_figures(record, "random_forest", data)
    check_pack(project, pack)
    assert look(project, record) == {
        "models": ["1", "2"],
        "deployments": ["model-1", "model-2"],
        "traffic": {"model-1": 0, "model-2": 100},
        "batch": "model-2",
    }
    assert [step["traffic"] for step in rollout(pack)] == [
        {"model-1": 90, "model-2": 10},
        {"model-1": 50, "model-2": 50},
        {"model-1": 0, "model-2": 100},
    ]
    drill = read_values(pack, "09_rollback")["rollback_drill"]
    assert (drill["from"], drill["to"]) == ("model-2", "model-1")
    assert drill["seconds"] < 60
    gate = read_values(pack, "03_register")["gate"]
    assert gate["verdict"] == "passed"
    assert len(gate["criteria_commit"]) == 40
    assert any("against the champion" in each["name"] for each in gate["criteria"])

    # 4: the way back; and a rollout that breaks a limit gives all traffic back by itself
    done = nbrelease(project, "run", "09_rollback", "--env", "prod", "-p", "reason=test")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    back = {"model-1": 100, "model-2": 0}
    assert look(project, record)["traffic"] == back
    pack, told = newest(project, "prod")
    assert told["verdict"] == "rolled back"
    check_pack(project, pack)
    criteria = project / "runbooks" / "criteria.yml"
    kept = criteria.read_text()
    criteria.write_text(
        kept.replace(
            "rollout: {error_rate: 0, p95_ms: 1000", "rollout: {error_rate: 0, p95_ms: 0.001"
        )
    )
    words = ["-p", "online_deployment=model-2"]
    done = nbrelease(project, "run", "08_release_online", "--env", "prod", *words)
    criteria.write_text(kept)
    assert done.returncode == 1
    assert re.search(
        r"no traffic was moved: mirrored: .*p95 [\d.]+ ms, at most 0.001 asked", done.stderr
    )
    assert look(project, record)["traffic"] == back
    broken, _ = newest(project, "prod")
    assert [step["decision"] for step in rollout(broken)] == ["give no traffic"]
    assert not left_behind(project)


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


@contextlib.contextmanager
def begun(project: Path, line: str) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal that printed a line five seconds ago."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbrelease", "rehearse", "dev"],
        cwd=project, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        env=environment(project),
    )  # fmt: skip
    with process:
        try:
            assert any(line in printed for printed in process.stdout)
            time.sleep(5)
            yield process
        finally:
            process.kill()


def ended(project: Path) -> bool:
    """Whether nothing of a rehearsal lives any more, a moment after its end."""
    deadline = time.monotonic() + 15
    while left_behind(project):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_an_interruption_leaves_a_pack_and_no_process(project):
    with begun(project, "[train/train] Run 01_prepare, 02_train ..."):
        pass  # killed there
    assert ended(project), left_behind(project)
    known = packs(project)

    with begun(project, "[train/train] Run 01_prepare, 02_train ...") as process:
        [killed] = packs(project) - known
        _, record = read(killed)
        assert record["verdict"] == "interrupted"
        check_pack(project, killed)
        process.send_signal(signal.SIGINT)
        shown = process.stdout.read()
        assert process.wait(60) == 130, shown
    assert ended(project), left_behind(project)
    pack, record = newest(project)
    assert pack != killed
    assert record["verdict"] == "interrupted"
    assert f"evidence  evidence/{pack.name}/index.html" in shown
    check_pack(project, pack)


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
