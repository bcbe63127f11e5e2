"""Rehearsals through the server extension of JupyterLab."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from lab_server import open_server
from rehearsal_project import NO_WORKSPACE, write_project

from nbrelease.errors import UsageError
from nbrelease.lab.rehearsals import (
    END_SECONDS,
    DecisionRequest,
    Rehearsals,
    RehearsalState,
    StartRequest,
)
from nbrelease.rehearsal_progress import RehearsalProgress, StageProgress

pytestmark = pytest.mark.functional
PATH = {"path": ""}
URL = "nbrelease/rehearsals"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "project"
    write_project(folder)
    return folder


@pytest.fixture(scope="module")
def client(python, root):
    state = root.parent / "state"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*NO_WORKSPACE)
        with open_server(root, state, python=python) as server, server.client() as client:
            yield client


def read(client, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The state as soon as it meets a condition."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.get(URL, params=PATH).json()
        if until(state):
            return state
        assert not state["message"]
        time.sleep(0.2)
    raise AssertionError(state)


def ended(state: dict[str, Any]) -> bool:
    return not state["running"]


def start(client, pipeline: str, model: str = "") -> None:
    answer = client.post(URL, params=PATH, json={"pipeline": pipeline, "model": model})
    assert answer.status_code == 200, answer.text
    assert answer.json()["running"]


def test_a_rehearsal_waits_for_each_approval_and_ends_with_its_verdict(client, root):
    idle = client.get(URL, params=PATH).json()
    assert idle["pipelines"] == ["qa", "dev", "prod"]
    assert idle["models"] == ["second"]
    start(client, "dev", "second")
    state = read(client, ended)
    waiting = state["rehearsals"][0]
    assert (waiting["model"], waiting["result"], waiting["verdict"]) == ("second", "Waiting", "")
    build, register, _ = waiting["stages"]
    assert (build["display"], build["state"]) == ("Build", "Succeeded")
    assert [(job["display"], job["state"]) for job in build["jobs"]] == [
        ("Code and release id", "Succeeded")
    ]
    assert build["started"] < build["finished"] <= state["now"]
    assert (register["state"], register["waiting"]) == ("waiting", ["prod"])
    page = client.get(f"nbrelease/evidence/{waiting['page']}")
    assert page.status_code == 200, waiting["page"]

    decision = {
        "run": waiting["run"], "stage": "register", "environment": "prod", "decision": "approve",
        "comment": "better: in each slice",
    }  # fmt: skip
    for reviewer in (" ", "Ada:Lin"):
        refused = client.put(URL, params=PATH, json={**decision, "reviewer": reviewer})
        assert refused.status_code == 422
    for changes in ({"reviewer": "A\0"}, {"comment": "a\nb"}, {"comment": "\x1b[1m"}):
        refused = client.put(URL, params=PATH, json={**decision, "reviewer": "Ada", **changes})
        assert refused.status_code == 422, changes
    other = {**decision, "reviewer": "Ada", "environment": "blue"}
    assert client.put(URL, params=PATH, json=other).status_code == 422
    assert client.put(URL, params=PATH, json=decision).status_code == 400  # no reviewer
    answer = client.put(URL, params=PATH, json={**decision, "reviewer": "Ada"})
    assert answer.status_code == 200, answer.text

    # The next stage uses the same environment, and so has an approval of its own.
    waiting = read(client, ended)["rehearsals"][0]
    assert (waiting["run"], waiting["result"]) == (decision["run"], "Waiting")
    assert [stage["state"] for stage in waiting["stages"]] == ["Succeeded", "Succeeded", "waiting"]
    again = client.put(URL, params=PATH, json={**decision, "reviewer": "Ada"})
    assert again.status_code == 422
    decision |= {"stage": "release", "decision": "reject", "reviewer": "Lin", "comment": ""}
    assert client.put(URL, params=PATH, json=decision).status_code == 200

    done = read(client, ended)["rehearsals"][0]
    assert (done["run"], done["result"], done["verdict"]) == (
        waiting["run"], "Rejected", "rejected",
    )  # fmt: skip
    assert [stage["state"] for stage in done["stages"]] == ["Succeeded", "Succeeded", "Rejected"]
    assert [stage["approvals"] for stage in done["stages"][1:]] == [
        [
            {
                "environment": "prod", "decision": "approved", "name": "Ada",
                "comment": "better: in each slice",
            }
        ],
        [{"environment": "prod", "decision": "rejected", "name": "Lin", "comment": ""}],
    ]  # fmt: skip
    record = json.loads((root / done["page"]).with_name("record.json").read_text("utf-8"))
    assert [each["name"] for each in record["decisions"]] == ["Ada", "Lin"]
    assert done["page"].startswith("evidence/dev-second-")
    assert client.get(f"nbrelease/evidence/{done['page']}").status_code == 200


def test_one_rehearsal_at_a_time_which_can_be_stopped(client):
    start(client, "qa")
    job = read(client, lambda state: _step(state) == "Sleep")["rehearsals"][0]["stages"][0]["jobs"]
    assert job[0]["state"] == "running"
    refused = client.post(URL, params=PATH, json={"pipeline": "dev"})
    assert refused.status_code == 422
    assert "pid " in refused.json()["message"]

    assert client.delete(URL, params=PATH).status_code == 200
    stopped = read(client, ended)["rehearsals"][0]
    assert stopped["result"] == "Canceled"
    assert client.delete(URL, params=PATH).status_code == 422


def test_a_rehearsal_of_a_terminal_is_shown_and_a_killed_one_too(client, root):
    command = [sys.executable, "-m", "nbrelease", "rehearse", "qa"]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL)
    try:
        state = read(client, lambda state: _step(state) == "Sleep")
        assert (state["running"], state["stoppable"]) == (True, False)
        refused = client.post(URL, params=PATH, json={"pipeline": "dev"})
        assert refused.status_code == 422
        assert f"pid {process.pid}," in refused.json()["message"]
    finally:
        process.kill()
        process.wait(30)
    killed = read(client, ended)["rehearsals"][0]
    assert killed["result"] == "Interrupted"
    # Reading does not write to the lock.
    lock = (root / ".pipelines-local" / "rehearsal.lock").read_text("utf-8")
    assert lock.startswith(f"pid {process.pid},")


def test_a_rehearsal_that_does_not_start_has_one_line(client):
    start(client, "prod")
    state = read(client, ended)
    assert ".ado/mlops-deploy-prod-ct-cd-pipeline.yml:3:5" in state["message"]
    assert all(each["pipeline"] != "prod" for each in state["rehearsals"])
    unknown = client.post(URL, params=PATH, json={"pipeline": "none"})
    assert unknown.status_code == 422
    assert client.post(URL, params=PATH, json={"pipeline": 1}).status_code == 400
    unknown = client.post(URL, params=PATH, json={"pipeline": "qa", "model": "\0"})
    assert unknown.status_code == 422


@pytest.fixture
def idle(tmp_path) -> Path:
    """A project without rehearsals."""
    write_project(tmp_path / "project")
    return tmp_path / "project"


def wait_until(
    rehearsals: Rehearsals, root: Path, condition: Callable[[RehearsalState], bool]
) -> RehearsalState:
    deadline = time.monotonic() + 120
    while not condition(state := rehearsals.read(root)):
        assert time.monotonic() < deadline, state
        time.sleep(0.1)
    return state


@pytest.mark.parametrize("variable", ["", "local"])
def test_a_rehearsal_uses_no_workspace_on_azure(idle, monkeypatch, variable):
    azure = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"
    settings = idle / "settings.ini"
    settings.write_text(settings.read_text("utf-8").replace("workspace = local", azure), "utf-8")
    monkeypatch.setenv(*NO_WORKSPACE)
    if variable:
        monkeypatch.setenv("NBRELEASE_SET_WORKSPACE", variable)
    rehearsals = Rehearsals()
    rehearsals.start(idle, StartRequest(pipeline="prod"))  # its file is not valid: nothing runs
    state = wait_until(rehearsals, idle, lambda state: not state.running)
    assert "unknown" in state.message
    assert state.rehearsals == []


def test_a_user_without_a_name(idle, monkeypatch):
    monkeypatch.setattr("getpass.getuser", Mock(side_effect=KeyError("uid not found")))
    assert Rehearsals().read(idle).reviewer == ""


def test_a_rehearsal_after_the_clock_went_back(idle, monkeypatch):
    monkeypatch.setenv(*NO_WORKSPACE)
    later = datetime(2999, 1, 1, tzinfo=UTC)
    stage = StageProgress(name="register", display="", state="waiting", waiting=["prod"])
    waiting = RehearsalProgress(
        pipeline="dev", model="", run="r", started=later, resumed=later, finished=later,
        result="Waiting", stages=[stage],
    )  # fmt: skip
    folder = idle / ".pipelines-local" / "r"
    folder.mkdir(parents=True)
    (folder / "rehearsal.json").write_text(waiting.model_dump_json(), "utf-8")
    rehearsals = Rehearsals()
    rehearsals.start(idle, StartRequest(pipeline="qa"))
    try:
        state = wait_until(rehearsals, idle, lambda state: not state.starting)
        assert [each.pipeline for each in state.rehearsals] == ["qa", "dev"]
        assert [each.result for each in state.rehearsals] == ["", "Waiting"]
        decision = DecisionRequest(
            run="r", stage="register", environment="prod", decision="approve", reviewer="Ada"
        )
        started = time.monotonic()
        with pytest.raises(UsageError, match="pid "):
            rehearsals.decide(idle, decision)
        assert time.monotonic() - started < END_SECONDS / 2  # it does not wait for the other run
    finally:
        rehearsals.stop(idle)
        wait_until(rehearsals, idle, lambda state: not state.running)


def _step(state: dict[str, Any]) -> str:
    """The step that runs in the first job of the newest rehearsal."""
    stages = state["rehearsals"][0]["stages"] if state["rehearsals"] else []
    return stages[0]["jobs"][0]["step"] if stages else ""
