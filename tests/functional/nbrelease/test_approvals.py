"""The approvals of a run, read from a stand-in for Azure DevOps, and the summary of the run."""

from __future__ import annotations

import json
from pathlib import Path

import devops
import pytest
import yaml

from nbrelease.cli import main

pytestmark = pytest.mark.functional

RESULTS = "train=Succeeded register=Succeeded deploy=Succeeded release=Succeeded"


@pytest.fixture
def server(monkeypatch):
    with devops.serve() as running:
        monkeypatch.setenv("TF_BUILD", "True")
        monkeypatch.setenv("SYSTEM_COLLECTIONURI", f"{running.url}org/")
        monkeypatch.setenv("SYSTEM_TEAMPROJECT", "a project")
        monkeypatch.setenv("BUILD_BUILDID", "77")
        monkeypatch.setenv("SYSTEM_ACCESSTOKEN", devops.TOKEN)
        yield running


def build(project, capfd, *words: str, results: str = RESULTS) -> tuple[dict, Path, str]:
    """Build the pack of a new release as the pipeline's step does: record, folder, what it said."""
    assert main(["release", "begin", "--env", "prod"]) == 0
    (folder,) = project.root.glob("evidence/prod-*")
    capfd.readouterr()
    call = ["evidence", "build", "--env", "prod", "--results", results, "--approvals", "--summary"]
    assert main([*call, *words, folder.name]) == 0
    return json.loads((folder / "record.json").read_text()), folder, "".join(capfd.readouterr())


def test_names_times_and_words_of_those_who_approved_stand_in_the_record(project, server, capfd):
    server.approvals = {
        devops.REGISTER: [
            devops.step("[a project]\\Release managers", "approved", "better in each slice", "Ada",
                        "2026-11-24T10:05:00.7654321Z"),
            devops.step("Bob", "skipped"),
        ],
        devops.BLUE: [devops.step("Grace", "approved", "", "Grace", "2026-11-24T11:30:00Z")],
    }  # fmt: skip
    record, folder, output = build(project, capfd)
    first, second = record["decisions"]
    assert first == {
        "environment": "prod", "stage": "register", "decision": "approved", "name": "Ada",
        "role": "[a project]\\Release managers", "comment": "better in each slice",
        "time": "2026-11-24T10:05:00.765432Z",
    }  # fmt: skip
    assert (second["environment"], second["name"], second["role"]) == ("blue", "Grace", "")
    assert record["decisions_unknown"] == ""
    page = (folder / "index.html").read_text()
    assert "better in each slice" in page
    assert "Release managers" in page
    assert "warning" not in output
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert devops.TOKEN not in text + output


def test_a_rejection_is_the_verdict(project, server, capfd):
    no = devops.step("Ada", "rejected", "too few rows", "Ada", "2026-11-24T10:05:00Z")
    server.approvals = {devops.REGISTER: [no]}
    record, folder, _ = build(project, capfd, results="train=Succeeded register= deploy= release=")
    assert record["verdict"] == "rejected"
    assert record["because"] == {
        "code": "rejected",
        "about": {"name": "Ada", "environment": "prod", "comment": "too few rows"},
    }
    assert "Ada" in (folder / "summary.md").read_text()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"status": 403}, "status 403"),
        ({"status": 401}, "status 401"),
        ({"status": 302}, "status 302"),
        ({"status": 500}, "status 500"),
        ({"token": "another"}, "status 203"),
        ({"token": "$(System.AccessToken)"}, "SYSTEM_ACCESSTOKEN"),
        ({"token": ""}, "SYSTEM_ACCESSTOKEN"),
        ({"broken": True}, " records: "),
        ({"collection": "http://127.0.0.1:9/org/"}, "http://127.0.0.1:9/org/"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_the_pack_says_so(
    project, server, capfd, monkeypatch, change, place
):
    server.status = change.get("status", 200)
    server.broken = change.get("broken", False)
    if "token" in change:
        monkeypatch.setenv("SYSTEM_ACCESSTOKEN", change["token"])
    if "collection" in change:
        monkeypatch.setenv("SYSTEM_COLLECTIONURI", change["collection"])
    record, folder, shown = build(project, capfd)
    (line,) = [line for line in shown.splitlines() if "warning" in line]
    assert line.startswith("##vso[task.logissue type=warning]")
    assert record["decisions_unknown"] in line
    assert place in record["decisions_unknown"]
    assert record["decisions"] == []
    assert place.strip() in (folder / "index.html").read_text()
    assert "/elsewhere" not in server.paths  # the token goes nowhere else
    assert main(["evidence", "build", "--env", "prod", folder.name]) == 0
    again = json.loads((folder / "record.json").read_text())
    assert again["decisions_unknown"] == record["decisions_unknown"]


def test_the_summary_is_attached_to_the_run_and_is_the_first_screen(project, server, capfd):
    project.runbook("01_a", ("c", ["test"], "assert 1"))
    _, folder, output = build(project, capfd)
    (line,) = [line for line in output.splitlines() if line.startswith("##vso[task.uploadsummary]")]
    path = Path(line.removeprefix("##vso[task.uploadsummary]"))
    assert path == (folder / "summary.md").resolve()
    text = path.read_text()
    labels = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert labels[1:] == [
        "| Changes", "| Quality", "| Tests", "| Approvals", "| Rollback", "| Retention",
    ]  # fmt: skip
    assert "<a" not in text
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert "summary.md" in listed


def test_the_pipelines_publish_pack_tests_and_summary_and_only_one_step_has_the_token():
    templates = Path(__file__).parents[3] / ".ado" / "templates"
    steps = yaml.safe_load((templates / "evidence.yml").read_text())["steps"]
    with_token = [step for step in steps if "SYSTEM_ACCESSTOKEN" in step.get("env", {})]
    assert [step["displayName"] for step in with_token] == ["Build the evidence pack"]
    assert {"--approvals", "--summary"} <= set(with_token[0]["bash"].split())
    assert [step["artifact"] for step in steps if "publish" in step] == ["evidence-pack"]
    (tests,) = [step for step in steps if step.get("task") == "PublishTestResults@2"]
    assert tests["condition"] == "succeededOrFailed()"
    others = [path for path in templates.parent.rglob("*.yml") if path.name != "evidence.yml"]
    assert not [path.name for path in others if "AccessToken" in path.read_text()]


def test_a_rehearsal_does_not_run_with_two_verdicts_for_one_environment(project, capfd):
    assert main(["rehearse", "prod", "--approve", "prod", "--reject", "prod"]) == 2
    assert "prod: both --approve and --reject" in capfd.readouterr().err
    assert not list(project.root.glob("evidence/*"))
