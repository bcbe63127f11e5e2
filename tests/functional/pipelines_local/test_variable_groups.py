"""Variable groups: values of the caller and of the project file ``pipelines-local.yml``."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import InvalidPipeline, UsageError, resume_pipeline
from pipelines_local.approvals import Decision
from pipelines_local.cli import main

pytestmark = pytest.mark.functional

PROJECT = """
variableGroups:
  Root-Group:
    variables: {PLAIN: one}
    variablesFile: groups/root.env
    secrets: [FROM_ENVIRONMENT]
    secretsFile: secrets.env
  unused: {variablesFile: missing.env, secrets: [MISSING]}
"""
FILES = {
    "pipelines-local.yml": PROJECT,
    "groups/root.env": "PLAIN=lower priority\nFROM_FILE=two\n",
    "secrets.env": "FROM_SECRETS=hush-file\n",
}
PIPELINE = """
variables:
- group: root-group
stages:
- stage: s
  jobs:
  - job: j
    steps:
    - checkout: none
    - bash: echo "$PLAIN $FROM_FILE [$FROM_SECRETS] [$FROM_ENVIRONMENT] $MAPPED $(FROM_ENVIRONMENT)" | rev
      env: {MAPPED: $(FROM_SECRETS)}
    - bash: echo $(FROM_SECRETS) $(FROM_ENVIRONMENT)
- stage: t
  jobs:
  - deployment: d
    environment: e
    strategy: {runOnce: {deploy: {steps: [{bash: 'echo $(FROM_SECRETS) | rev'}]}}}
"""


@pytest.fixture(autouse=True)
def secret(monkeypatch: Any) -> None:
    monkeypatch.setenv("FROM_ENVIRONMENT", "hush-environment")


def test_the_values_of_the_project_file(run: Any) -> None:
    result = run(PIPELINE, FILES, approvals={"e": Decision("open")})
    assert result.result == "Succeeded"
    log = [line for _, job in result.jobs() for line in job.log]
    assert log[1][::-1] == "one two [] [hush-environment] hush-file hush-environment"
    assert log[2] == "*** ***"
    assert log[-1][::-1] == "hush-file"


def test_no_file_of_a_run_has_a_secret(run: Any) -> None:
    result = run(PIPELINE.replace(" | rev", ""), FILES)
    assert result.result == "Waiting"
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    texts = {path.name: path.read_text(errors="replace") for path in files}
    assert {"run.json", "state.json", "expanded.json"} <= set(texts)
    assert not [name for name, text in texts.items() if "hush" in text]


def test_secrets_of_a_resumed_run_are_read_again(run: Any, tmp_path: Path) -> None:
    waiting = run(PIPELINE, FILES)
    (tmp_path / "repo" / "secrets.env").write_text("FROM_SECRETS=new-value\n")
    approvals = {"e": Decision("approve", "ann")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=approvals)
    assert result.stages[-1].jobs[0].log[-1][::-1] == "new-value"


SCOPED = """
jobs:
- job: a
  variables: [{group: root-group}]
  steps: [{checkout: none}, {bash: 'echo $(FROM_SECRETS) | rev'}]
- job: b
  dependsOn: a
  steps: [{checkout: none}, {bash: "echo '$(FROM_SECRETS)'"}]
"""


def test_a_group_of_a_job_is_not_visible_in_other_jobs(run: Any) -> None:
    logs = [job.log[-1] for _, job in run(SCOPED, FILES).jobs()]
    assert logs == ["hush-file"[::-1], "$(FROM_SECRETS)"]


def test_the_caller_replaces_a_group_of_the_project_file(run: Any) -> None:
    result = run(SCOPED, FILES, groups={"Root-group": {"FROM_SECRETS": "visible"}})
    assert result.stages[0].jobs[0].log[-1] == "visible"[::-1]


@pytest.mark.parametrize(
    ("project", "code", "line"),
    [
        ("variableGroups: {other: {}}", "missing-group", 3),
        ("variableGroup: {}", "unknown-key", 1),
        ("variableGroups: {root-group: {variabels: {}}}", "unknown-key", 1),
        ("variableGroups: [x]", "invalid-type", 1),
        ("variableGroups: {root-group: {variables: {a: [b]}}}", "invalid-type", 1),
    ],
)
def test_a_wrong_project_file(run: Any, project: str, code: str, line: int) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run(PIPELINE, FILES | {"pipelines-local.yml": project})
    assert (caught.value.code, caught.value.at.line) == (code, line)


@pytest.mark.parametrize(
    ("group", "code"),
    [
        ("{variablesFile: missing.env}", "unreadable-file"),
        ("{secretsFile: missing.env}", "unreadable-file"),
        ("{secrets: [NOT_SET]}", "missing-secret"),
    ],
)
def test_values_that_cannot_be_read(run: Any, group: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(PIPELINE, FILES | {"pipelines-local.yml": f"variableGroups: {{root-group: {group}}}"})
    assert caught.value.code == code


def test_validate_and_expand_need_no_secrets(run: Any, tmp_path: Path, capsys: Any) -> None:
    path = os.fspath(run(PIPELINE, FILES).pipeline)
    (tmp_path / "repo" / "secrets.env").unlink()
    assert main(["validate", path, "--root", os.fspath(tmp_path / "repo")]) == 0
    capsys.readouterr()
    assert main(["expand", path, "--root", os.fspath(tmp_path / "repo"), "--format", "json"]) == 0
    variables = json.loads(capsys.readouterr().out)["variables"]
    assert variables == [
        {"name": "PLAIN", "value": "one"},
        {"name": "FROM_FILE", "value": "two"},
        {"group": "root-group"},
    ]
