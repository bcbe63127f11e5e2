"""Rollouts that fail while requests are sent: what callers get, and what the evidence says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil
import pytest
from tests.e2e.packs import newest, read_record, read_values
from tests.e2e.prods import REMOVE, Callers, Prod
from tests.e2e.projects import environment, nbrelease, rehearse

from nbrelease.pack import build_pack

pytestmark = [pytest.mark.e2e, pytest.mark.drill]


ALL = os.environ.get("NBRELEASE_DRILLS") == "all"

# What a deployment does wrong, and the problems that may stop its rollout: many callers of a slow
# model wait until its endpoint answers 408, and a model that fails now and then may do so only when
# its predictions are compared.
FAULTS = {
    "errors": {"error_rate", "not_compared"},
    "slow": {"p95_ms", "deployment_p95_ms", "error_rate", "not_compared"},
    "hangs": {"error_rate", "not_compared", "no_requests_of_deployment"},
    "shifted": {"mirrored_drift"},
}
KINDS = (*FAULTS, "crashes", "stuck", "healthy")

# An error in a challenger's training, and the criterion that it fails (a regular expression).
CHALLENGERS = {
    "equal": ("logistic", "label", ""),
    "worse by two points": (
        "logistic",
        "label.where(np.random.default_rng(0).random(len(label)) >= 0.25, 1 - label)",
        "roc_auc against the champion",
    ),
    "worse on one slice of age": (
        "random_forest",
        "label.where(~features.Age.between(30, 44) | (features.index % 4 == 0), 1 - label)",
        r"\(Age 30 to 45\) against the champion",
    ),
}


# Only one by default: tests/unit/nbrelease/quality tests all of them on numbers.
DRILLS = list(CHALLENGERS) if ALL else [*CHALLENGERS][-1:]


@pytest.mark.parametrize("kind", DRILLS)
def test_a_challenger_is_compared_with_the_champion(prod, kind):
    estimator, label, failing = CHALLENGERS[kind]
    main = prod.root / "exported" / "train" / "main.py"
    source, before = main.read_text(), prod.look()
    main.write_text(source.replace("fit(features, label)", f"fit(features, {label})"))
    words = ["02_train", "03_register", "--env", "prod", "--set", f"estimator={estimator}"]
    with prod.callers() as callers:
        trained = nbrelease(prod.root, "run", *words[:1], *words[2:])
        done = nbrelease(prod.root, "run", *words[1:4])
    main.write_text(source)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    gate = read_values(newest(prod.root, "prod"), "03_register")["gate"]
    failed = [each["name"] for each in gate["criteria"] if not each["passed"]]
    after = prod.look()
    if failing:
        assert done.returncode == 1, done.stdout + done.stderr
        assert gate["verdict"] == "failed"
        assert "cell test-gate" in done.stderr
        assert any(re.search(failing, name) for name in failed)
        assert not [name for name in failed if "Age" in name and "30 to 45" not in name]
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert (gate["verdict"], failed) == ("passed", [])
    assert after["models"] == before["models"] + (not failing)
    assert after["traffic"] == before["traffic"]
    assert set(callers.since(0)) == {"200"}


def check_that_callers_are_served(callers: Callers, since: float) -> None:
    later = callers.since(since)
    assert set(later) == {"200"}, later
    assert later["200"] >= 8


@pytest.fixture(autouse=True)
def _release(prod) -> Iterator[None]:
    """End the release after each test, so that each has its own verdict and reason."""
    yield
    for folder in (prod.root / "evidence").glob("prod-*"):
        if not (folder / "manifest.json").exists():
            build_pack(folder, card=False)


def end_release(prod: Prod, verdict: str) -> str:
    """End the newest release and return the reason of its verdict."""
    record = build_pack(newest(prod.root, "prod"), card=False)
    assert record.verdict == verdict, record.reason
    return record.reason


NEVER_READY = {
    "crashes": ("this model does not load", {}, "failed"),
    "stuck": ("is not ready after 5 s", {"NBRELEASE_SET_ONLINE_READY_SECONDS": "5"}, "creating"),
}


@pytest.mark.parametrize("kind", NEVER_READY)
def test_a_deployment_that_does_not_start_gets_no_traffic(prod, kind):
    deployment, version = prod.deployed[kind]
    error, settings, state = NEVER_READY[kind]
    with prod.callers() as callers:
        words = ["-p", f"model_version={version}", "--env", "prod"]
        done = nbrelease(prod.root, "run", "06_deploy_online", *words, **settings)
        assert done.returncode == 1, done.stdout + done.stderr
        assert (
            error
            in (newest(prod.root, "prod") / "notebooks" / "06_deploy_online.ipynb").read_text()
        )
        assert error in end_release(prod, "failed")
        done = nbrelease(prod.root, *prod.release(deployment, version))
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"{deployment} is not ready for traffic: {state}" in done.stderr
    assert "Traceback" not in done.stderr
    assert prod.shares() == {"model-1": 100}
    check_that_callers_are_served(callers, 0)
    assert f"{deployment} is not ready for traffic" in end_release(prod, "failed")


@pytest.mark.parametrize(("kind", "problems"), FAULTS.items())
def test_a_faulty_deployment_is_rolled_back(prod, kind, problems):
    deployment, version = prod.deployed[kind]
    # Other predictions are detected on mirrored requests; the other faults with real traffic.
    parameters = {"observe_seconds": "2", "mirror_percent": "20" if kind == "shifted" else "0"}
    with prod.callers() as callers:
        done = nbrelease(prod.root, *prod.release(deployment, version, **parameters))
        callers.wait(back := time.monotonic(), 8)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert prod.shares() == {"model-1": 100}
    check_that_callers_are_served(callers, back)
    steps = read_values(newest(prod.root, "prod"), "08_release_online")["rollout"]
    assert steps[-1]["decision"] == ("give no traffic" if kind == "shifted" else "roll back")
    assert set(steps[-1]["problems"]) & problems, steps[-1]
    assert "cell test-rollout-completed" in done.stderr
    # The observation is recorded, even where the predictions could not be compared.
    assert all(step["observed"]["requests"] for step in steps)
    assert steps[-1]["why"] in end_release(prod, "failed" if kind == "shifted" else "rolled back")


@contextmanager
def moving(prod: Prod, *words: str) -> Iterator[tuple[Callers, subprocess.Popen[str]]]:
    """A call of nbrelease that has just moved the first traffic, and callers."""
    before = {*prod.shares(), None}
    process = subprocess.Popen(
        [sys.executable, "-m", "nbrelease", *words],
        cwd=prod.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment(prod.root),
    )  # fmt: skip
    with process, prod.callers() as callers:
        try:
            deadline = time.monotonic() + 300
            while callers.answered_by <= before:
                assert time.monotonic() < deadline, "the rollout does not start"
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.1)
            yield callers, process
        finally:
            process.kill()


def rolling_out(
    prod: Prod, kind: str
) -> AbstractContextManager[tuple[Callers, subprocess.Popen[str]]]:
    """A rollout of a deployment by `nbrelease run`."""
    deployment, version = prod.deployed[kind]
    words = prod.release(deployment, version, observe_seconds="12", mirror_percent="0")
    return moving(prod, *words)


def test_a_rollout_rolls_back_when_the_server_was_killed_and_restarted(prod):
    with rolling_out(prod, "healthy") as (callers, process):
        server = psutil.Process(prod.state()["pid"])
        server.kill()
        server.wait(10)
        prod.start()
        shown, _ = process.communicate(timeout=200)
        callers.wait(ended := time.monotonic(), 8)
    assert process.returncode == 1, shown
    assert prod.shares() == {"model-1": 100}, shown
    check_that_callers_are_served(callers, ended)
    steps = read_values(newest(prod.root, "prod"), "08_release_online")["rollout"]
    assert steps[-1]["decision"] == "roll back"


def test_the_live_deployment_cannot_be_deleted(prod):
    assert "100 % of the traffic" in prod.scripts.fail(REMOVE, "model-1")
    assert "model-1" in prod.look()["deployments"]


def kill_kernel(job: str) -> None:
    """Kill the kernel that executes a runbook in a job of a pipeline.

    ``nbrelease run`` is a fork of the same process, but only the kernel listens on ports.
    """
    [kernel] = [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if f"/{job}/" in (process.info["cwd"] or "")
        and "ipykernel" in " ".join(process.info["cmdline"])
        and any(each.status == psutil.CONN_LISTEN for each in process.net_connections("inet"))
    ]
    kernel.kill()


def test_the_pipeline_rolls_back_a_rollout_whose_kernel_was_killed(prod):
    done = rehearse(prod.root)  # prod trains with its code
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    words = ["rehearse", "prod", "--set", "estimator=random_forest", "--set", "observe_seconds=12"]
    words += ["--approve", "prod=Ada", "--approve", "blue=Ada"]
    with moving(prod, *words) as (callers, process):
        kill_kernel("release.traffic")
        shown, _ = process.communicate(timeout=300)
        callers.wait(back := time.monotonic(), 8)
    assert process.returncode == 1, shown
    assert prod.shares() == {"model-1": 100}, shown
    check_that_callers_are_served(callers, back)
    record = read_record(newest(prod.root, "prod"))
    assert record["verdict"] == "rolled back"
    assert "to model-1: the rollout did not complete" in record["reason"]
    ran = {runbook["name"]: runbook["verdict"] for runbook in record["runbooks"]}
    assert ran["08_release_online"] != "passed"
    assert ran["09_rollback"] == "passed"


SET_KEEP_TAG = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("diabetes-online")
endpoint.tags = {**endpoint.tags, f"keep-{sys.argv[1]}": sys.argv[2]}
client.online_endpoints.begin_create_or_update(endpoint).result()
"""


def test_a_rollback_when_the_newest_deployment_is_dead(prod):
    deployment, version = prod.deployed["healthy"]
    other, _ = prod.deployed["shifted"]
    prod.scripts.run(SET_KEEP_TAG, other, "2026-01-31")
    with prod.callers() as callers:
        done = nbrelease(prod.root, *prod.release(deployment, version, observe_seconds="2"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(callers.since(0)) == {"200"}
        assert other not in prod.look()["deployments"]  # it was expired
        prod.end(deployment)
        dead = time.monotonic()
        while set(callers.since(dead)) <= {"200"}:
            assert time.monotonic() < dead + 60, "the endpoint still answers"
            time.sleep(0.2)
        done = nbrelease(prod.root, "run", "09_rollback", "--env", "prod", "-p", "reason=dead")
        assert done.returncode == 0, done.stdout + done.stderr
        callers.wait(back := time.monotonic(), 8)
    assert prod.shares() == {"model-1": 100}
    check_that_callers_are_served(callers, back)
    rollback = read_values(newest(prod.root, "prod"), "09_rollback")["rollback"]
    assert (rollback["from"], rollback["to"]) == (deployment, "model-1")
    assert rollback["reason"] == "dead"
    assert rollback["seconds"] < 60  # the documented limit
    assert f"from {deployment} to model-1: dead" in end_release(prod, "rolled back")


MOVE_AND_DELETE = """
import sys
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
client = MLClient(DefaultAzureCredential(), "00000000-0000-0000-0000-000000000", "local", "prod")
endpoint = client.online_endpoints.get("diabetes-online")
endpoint.traffic = {**dict.fromkeys(endpoint.traffic, 0), sys.argv[1]: 100}
client.online_endpoints.begin_create_or_update(endpoint).result()
client.online_deployments.begin_delete("model-1", "diabetes-online").result()
"""


def test_the_traffic_stays_when_the_live_deployment_is_deleted_during_a_rollout(prod):
    prod.deployed |= prod.deploy("healthy")
    deployment, _ = prod.deployed["healthy"]
    with rolling_out(prod, "healthy") as (callers, process):
        prod.scripts.run(MOVE_AND_DELETE, deployment)
        shown, _ = process.communicate(timeout=200)
        rollback = "run", "09_rollback", "--env", "prod"
        unfinished = "-p", "unfinished_only=true", "-p", f"online_deployment={deployment}"
        by_pipeline = nbrelease(prod.root, *rollback, *unfinished)
        done = nbrelease(prod.root, *rollback)
    assert process.returncode == 1, shown
    assert by_pipeline.returncode == 0, by_pipeline.stdout + by_pipeline.stderr
    # Detected at the next step, or before when the deleted deployment does not predict.
    steps = read_values(newest(prod.root, "prod"), "08_release_online")["rollout"]
    assert steps[-1]["decision"] == "leave as it is"
    assert set(steps[-1]["problems"]) <= {"traffic_changed", "not_compared"}, steps[-1]
    assert prod.shares() == {deployment: 100}
    assert set(callers.since(0)) == {"200"}
    assert steps[-1]["why"] in end_release(prod, "failed")
    assert done.returncode == 1
    # The endpoint's tags name the deployment before the rollout, which was deleted.
    assert "RollbackError: model-1 is not deployed" in done.stderr


@pytest.mark.skipif(not ALL, reason="runs with NBRELEASE_DRILLS=all")
def test_a_rollback_after_a_killed_rollout(prod):
    live = prod.shares()
    prod.deployed |= prod.deploy("healthy")
    with rolling_out(prod, "healthy") as (callers, process):
        process.kill()
        process.wait(60)
        assert prod.shares() != live
        done = nbrelease(prod.root, "run", "09_rollback", "--env", "prod", "-p", "reason=killed")
        assert done.returncode == 0, done.stdout + done.stderr
    assert prod.shares() == live
    assert set(callers.since(0)) == {"200"}
    assert "killed" in end_release(prod, "rolled back")
    words = ["-p", f"to_deployment={next(iter(live))}"]
    done = nbrelease(prod.root, "run", "09_rollback", "--env", "prod", *words)
    assert done.returncode == 1
    assert f"RollbackError: {next(iter(live))} has all the traffic" in done.stderr
