"""A model's releases from a fresh checkout, one after the other, by the command line alone.

Each fixture is a chapter: it goes on where the one that it asks for ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.packs import check_pack, newest, read_record, read_values
from tests.e2e.projects import REPOSITORY, checkout, left_behind, nbrelease, rehearse
from tests.e2e.scripts import Scripts

pytestmark = pytest.mark.e2e

# Where the public file may be; the chapters train with the sample of the repository.
PUBLIC = [
    REPOSITORY / "data" / "diabetes.csv",
    REPOSITORY.parent / "shared" / "data" / "diabetes.csv",
]
# (accuracy, ROC AUC) on the public file's held-out rows
FIGURES = {
    "logistic": (0.7889, 0.8568),
    "pipeline": (0.8389, 0.9202),
    "random_forest": (0.9342, 0.9826),
}
ADA = ["--approve", "prod=Ada:first", "--approve", "blue=Ada:all green"]
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
LOOK = """
import json
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
name = "diabetes-online"
print(json.dumps({
    "models": sorted(m.version for m in client.models.list(name="diabetes-classifier")),
    "deployments": sorted(d.name for d in client.online_deployments.list(name)),
    "traffic": client.online_endpoints.get(name).traffic,
    "batch": client.batch_endpoints.get("diabetes-batch").defaults.deployment_name,
}))
"""


@dataclass(frozen=True)
class Chapter:
    """What a call printed, the pack that it left, and what prod held afterwards."""

    done: subprocess.CompletedProcess[str]
    pack: Path
    holds: dict

    @property
    def record(self) -> dict:
        return read_record(self.pack)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return checkout(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def proved(project) -> Chapter:
    """1: a first model, in dev."""
    done = rehearse(project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return Chapter(done, newest(project), {})


@pytest.fixture(scope="module")
def waiting(project, proved) -> tuple[str, Chapter]:
    """The same in prod, where it waits for the first of two approvals: the run's id too."""
    done = rehearse(project, pipeline="prod")
    assert done.returncode == 4, done.stdout[-3000:] + done.stderr
    assert not list((project / "evidence").glob("prod-*/manifest.json"))
    run = done.stdout.split("--resume ")[-1].split()[0]
    [shown] = (project / ".pipelines-local" / run / "artifacts").glob("evidence-*/record.json")
    return run, Chapter(done, shown.parent, {})


@pytest.fixture(scope="module")
def released(project, waiting) -> subprocess.CompletedProcess[str]:
    """The run continues after the approvals; each call so far started a server and ended it."""
    run, _ = waiting
    done = rehearse(project, "--resume", run, *ADA, pipeline="prod")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert not left_behind(project)
    return done


@pytest.fixture(scope="module")
def look(project, released) -> Iterator[Callable[[], dict]]:
    """The state of prod, read with the SDK; the server keeps running for the later chapters."""
    scripts = Scripts(project)
    yield lambda: json.loads(scripts.run(LOOK))
    scripts.end()
    assert not left_behind(project)


@pytest.fixture(scope="module")
def approved(project, released, look) -> Chapter:
    return Chapter(released, newest(project, "prod"), look())


@pytest.fixture(scope="module")
def rejected(project, approved, look) -> Chapter:
    """2: another model, which the approver rejects."""
    pipe = ["--set", "estimator=pipeline", "--reject", "prod=Bob:the old one stays"]
    done = rehearse(project, *pipe, pipeline="prod")
    assert done.returncode == 5, done.stdout[-3000:] + done.stderr
    return Chapter(done, newest(project, "prod"), look())


@pytest.fixture(scope="module")
def tested(project, rejected, look) -> tuple[str, dict]:
    """3: a better model, before the last approval: the run's id, and what prod holds."""
    words = ["--set", "estimator=random_forest", *ADA[:2]]
    done = rehearse(project, *words, pipeline="prod")
    assert done.returncode == 4, done.stdout[-3000:] + done.stderr
    return done.stdout.split("--resume ")[-1].split()[0], look()


@pytest.fixture(scope="module")
def followed(project, tested, look) -> Chapter:
    """It receives the traffic."""
    run, _ = tested
    done = rehearse(project, "--resume", run, *ADA[2:], pipeline="prod")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return Chapter(done, newest(project, "prod"), look())


@pytest.fixture(scope="module")
def back(project, followed, look) -> Chapter:
    """4: the rollback."""
    done = nbrelease(project, "run", "09_rollback", "--env", "prod", "-p", "reason=test")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return Chapter(done, newest(project, "prod"), look())


@pytest.fixture(scope="module")
def broken(project, back, look) -> Chapter:
    """5: a rollout that breaks a limit."""
    criteria = project / "runbooks" / "criteria.yml"
    original = criteria.read_text()
    limit = "rollout: {error_rate: 0, p95_ms: "
    assert f"{limit}3000" in original
    criteria.write_text(original.replace(f"{limit}3000", f"{limit}0.001"))
    words = ["-p", "online_deployment=model-2"]
    try:
        done = nbrelease(project, "run", "08_release_online", "--env", "prod", *words)
    finally:
        criteria.write_text(original)
    return Chapter(done, newest(project, "prod"), look())


def rollout(pack: Path) -> list[dict]:
    return read_values(pack, "08_release_online")["rollout"]


def test_a_model_is_proved_in_dev(project, proved):
    pack, record = proved.pack, proved.record
    lines = proved.done.stdout.strip().splitlines()[-4:]
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
        "missing-value.csv": "missing-value.csv: Input X contains NaN.",
        "empty.csv": "empty.csv: the file is empty",
    }
    assert record["source"]["dirty"] is False
    if sys.platform == "linux":  # all kernels were preloaded
        assert "refused" not in (project / ".pipelines-local" / "kernels.log").read_text()
    check_pack(project, pack)
    status = subprocess.run(
        ["git", "-C", project, "status", "--short"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


@pytest.mark.drill
@pytest.mark.parametrize("estimator", FIGURES)
def test_the_figures_of_the_public_file(tmp_path, estimator):
    data_file = next((path for path in PUBLIC if path.is_file()), None)
    if data_file is None:
        pytest.skip("the public file is not here")
    words = ["--set", f"training_data={data_file}", "--set", f"estimator={estimator}"]
    done = rehearse(checkout(tmp_path), *words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    record = read_record(newest(tmp_path))
    assert record["parameters"]["estimator"] == estimator
    actual = (round(record["metrics"]["accuracy"], 4), round(record["metrics"]["roc_auc"], 4))
    assert actual == FIGURES[estimator]


def test_in_prod_it_waits_for_an_approval(waiting):
    _, shown = waiting
    assert "evidence-train-1/index.html" in shown.done.stdout
    assert (shown.record["verdict"], shown.record["waiting_for"]) == ("open", "prod")


def test_approved_at_both_gates_it_is_released(project, approved):
    record = approved.record
    assert record["verdict"] == "passed"
    assert [
        (d["environment"], d["decision"], d["name"], d["comment"]) for d in record["decisions"]
    ] == [
        ("prod", "approved", "Ada", "first"),
        ("blue", "approved", "Ada", "all green"),
    ]
    check_pack(project, approved.pack)
    assert approved.holds == {
        "models": ["1"], "deployments": ["model-1"], "traffic": {"model-1": 100}, "batch": "model-1",
    }  # fmt: skip


def test_rejected_it_is_not_even_registered(project, approved, rejected):
    record = rejected.record
    assert record["verdict"] == "rejected"
    assert "Bob" in record["reason"]
    assert record["model"] is None
    assert record["stages"][1]["result"] == "Rejected"
    assert [runbook["name"] for runbook in record["runbooks"]] == RUNBOOKS[:2]
    assert "rejected" in (rejected.pack / "index.html").read_text()
    assert record["parameters"]["estimator"] == "pipeline"
    check_pack(project, rejected.pack)
    assert rejected.holds == approved.holds


def test_before_the_last_approval_callers_get_the_old_model(tested):
    _, holds = tested
    assert holds["models"] == ["1", "2"]
    assert holds["deployments"] == ["model-1", "model-2"]
    assert holds["traffic"].get("model-2", 0) == 0
    assert holds["batch"] == "model-1"


def test_the_next_model_takes_the_traffic_and_the_old_one_stays_at_0(project, followed):
    pack, record = followed.pack, followed.record
    assert record["model"]["version"] == "2"
    assert record["parameters"]["estimator"] == "random_forest"
    check_pack(project, pack)
    assert followed.holds == {
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


def test_all_traffic_goes_back(project, back):
    assert back.holds["traffic"] == {"model-1": 100, "model-2": 0}
    assert back.holds["batch"] == "model-1"
    assert back.record["verdict"] == "rolled back"
    check_pack(project, back.pack)


def test_a_rollout_that_breaks_a_limit_gives_no_traffic(back, broken):
    done = broken.done
    assert done.returncode == 1
    assert broken.holds["traffic"] == back.holds["traffic"]
    [step] = rollout(broken.pack)
    assert step["decision"] == "give no traffic"
    assert "mirrored_p95_ms" in step["problems"]
    assert "cell test-rollout-completed" in done.stderr
