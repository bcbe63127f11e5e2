"""Runbooks and releases through the server extension of JupyterLab."""

from __future__ import annotations

import json
import time

import pytest
from lab_server import open_server

from nbrelease.errors import SettingsError, UsageError
from nbrelease.lab import runbooks

pytestmark = pytest.mark.functional
PATH = {"path": "runbooks/01_count.ipynb"}
PARAMETERS = """\
from typing import Literal

# Size
rows: int = 3  # number of rows
kind: Literal["small", "large"] = "small"
project: str = "none"
"""


@pytest.fixture
def client(python, project, tmp_path_factory):
    project.runbook(
        "01_count",
        ("parameters", ["parameters"], PARAMETERS),
        ("count", [], "print(rows, kind)"),
        ("check", ["test"], "assert rows < 10, rows"),
    )
    state = tmp_path_factory.mktemp("state") / "lab"
    with open_server(project.root, state, python=python) as server, server.client() as client:
        yield client


def run(client, values: dict[str, str]) -> dict:
    """Start the runbook and wait for its end."""
    started = client.post("nbrelease/run", params={**PATH, "env": "dev"}, json=values)
    assert started.status_code == 200, started.text
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        progress = client.get("nbrelease/run", params=started.json()).json()
        if progress["verdict"] != "running":
            return progress
        time.sleep(0.2)
    raise AssertionError(progress)


def test_form_run_and_releases(client, project):
    form = client.get("nbrelease/runbook", params=PATH).json()
    assert form["name"] == "01_count"
    assert form["env"] == form["environments"][0] == "dev"
    fields = {each["name"]: each for each in form["fields"]}
    assert fields["rows"] == {"name": "rows", "type": "int", "choices": [], "value": "3", "help": "number of rows", "group": "Size"}  # fmt: skip
    assert fields["kind"]["choices"] == ["small", "large"]
    assert fields["project"]["value"] == "diabetes"  # of settings.ini

    progress = run(client, {"rows": "5", "kind": "large"})
    assert progress["verdict"] == "passed", progress
    assert [each["state"] for each in progress["cells"]] == ["passed"] * 3
    executed = json.loads((project.root / progress["path"]).read_text("utf-8"))
    assert "5 large" in json.dumps(executed["cells"])

    progress = run(client, {"rows": "50"})
    assert progress["verdict"] == "failed"
    assert [each["state"] for each in progress["cells"]][-1] == "failed"
    assert "50" in progress["message"]

    record = f"evidence/{progress['path'].split('/')[1]}/record.json"
    assert client.get(f"nbrelease/evidence/{record}").status_code == 404  # not built

    [release] = client.get("nbrelease/releases", params={"path": ""}).json()["releases"]
    assert (release["env"], release["verdict"], release["page"]) == ("dev", "open", "")


def test_wrong_values_and_notebooks_that_are_no_runbooks(client, project):
    progress = run(client, {"kind": "huge"})
    assert progress["verdict"] == "failed"
    assert progress["path"] == ""
    assert "kind" in progress["message"]

    (project.root / "notebooks").mkdir()
    source = project.root / "runbooks" / "01_count.ipynb"
    (project.root / "notebooks" / "x.ipynb").write_bytes(source.read_bytes())
    other = {"path": "notebooks/x.ipynb"}
    assert client.get("nbrelease/runbook", params=other).json()["name"] == ""
    refused = client.post("nbrelease/run", params={**other, "env": "dev"}, json={})
    assert refused.status_code == 422
    for value in ("a\0b", "\ud800"):  # JSON can have both, a command line neither
        body = json.dumps({"kind": value})
        refused = client.post("nbrelease/run", params={**PATH, "env": "dev"}, content=body)
        assert refused.status_code == 422, refused.text
    unknown = client.get("nbrelease/runbook", params={**PATH, "env": "none"})
    assert unknown.status_code == 422
    assert "none" in unknown.json()["message"]
    assert client.get("nbrelease/run", params={"id": "x"}).status_code == 404


def test_a_run_is_followed_and_ended(client, project):
    source = "import time; print('waiting', flush=True); time.sleep(600)"
    project.runbook("01_count", ("wait", [], source))
    query = {**PATH, "env": "dev"}
    started = client.post("nbrelease/run", params=query, json={}).json()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        progress = client.get("nbrelease/run", params=started).json()
        if [(each["state"], each["line"]) for each in progress["cells"]] == [
            ("running", "waiting")
        ]:
            break
        time.sleep(0.2)
    assert progress["verdict"] == "running", progress
    [cell] = progress["cells"]
    assert (cell["id"], cell["line"]) == ("wait", "waiting")
    assert cell["seconds"] > 0
    assert client.get("nbrelease/runbook", params=PATH).json()["run"] == started["id"]
    assert client.post("nbrelease/run", params=query, json={}).status_code == 422  # it is running
    assert client.delete("nbrelease/run", params=started).status_code == 204
    ended = client.get("nbrelease/run", params=started).json()
    assert ended["verdict"] == "not run"
    assert "log_offset" not in (project.root / ended["path"]).read_text("utf-8")


def test_the_form_has_the_values_of_a_model(project):
    with (project.root / "settings.ini").open("a") as file:
        file.write("\n[model:second]\nexperiment_name = other\n")
    path = project.runbook("01_count", ("parameters", ["parameters"], 'experiment_name: str = ""'))
    first, second = (runbooks.read_form(path, "dev", model) for model in ("", "second"))
    assert (first.model, first.models) == ("", ["second"])
    assert (second.model, [each.value for each in second.fields]) == ("second", ["other"])
    assert [each.value for each in first.fields] != ["other"]
    with pytest.raises(SettingsError):
        runbooks.read_form(path, "dev", "third")


def test_a_run_on_azure_does_not_use_a_local_workspace(project, monkeypatch):
    path = project.runbook("01_count", ("count", [], "print(1)"))
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", "https://localhost:4711/metadata/endpoints")
    monkeypatch.delenv("TF_BUILD", raising=False)
    with pytest.raises(UsageError, match="localhost:4711"):
        runbooks.Run(path, "dev", "", {})
    assert not (project.root / ".nbrelease-lab").exists()


def test_old_runs_are_removed(project, monkeypatch):
    monkeypatch.setattr(runbooks, "MAX_ENDED_RUNS", 1)
    path = project.runbook("01_count", ("parameters", ["parameters"], "rows: int = 3"))
    runs = runbooks.Runs()
    started = []
    for _ in range(2):
        run = runs.start(path, "dev", "", {"rows": "many"})
        run.process.wait(60)
        started.append(run)
    assert runs.newest(path) is started[1]
    runs.start(project.runbook("02_other", ("x", [], "1")), "dev", "", {}).stop()
    assert [runs.find(each.id) for each in started] == [None, started[1]]
