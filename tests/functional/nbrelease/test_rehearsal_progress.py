"""The file with the progress of a rehearsal, for pipelines with matrices and manual validations."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbrelease.rehearsal_progress import ProgressFile, RehearsalProgress, read_progress
from pipelines_local import Decision, resume_pipeline, run_pipeline
from pipelines_local.events import Event

pytestmark = pytest.mark.functional

PIPELINE = """\
stages:
- stage: build
  jobs:
  - job: list
    steps:
    - checkout: none
    - bash: 'echo "##vso[task.setvariable variable=legs;isOutput=true]{\\"a\\": {\\"x\\": \\"1\\"}, \\"b\\": {\\"x\\": \\"2\\"}}"'
      name: legs
  - job: test
    dependsOn: list
    strategy: {matrix: "$[ dependencies.list.outputs['legs.legs'] ]"}
    steps:
    - checkout: none
    - bash: test $(x) = 1
  - job: ask
    dependsOn: list
    pool: server
    steps:
    - task: ManualValidation@0
      inputs: {notifyUsers: ''}
- stage: deploy
  jobs:
  - deployment: d
    environment: prod
    strategy: {runOnce: {deploy: {steps: [{bash: echo}]}}}
"""


class Events:
    """Counts the events."""

    def __init__(self) -> None:
        self.count = 0

    def handle(self, event: Event) -> None:
        self.count += 1


def states(progress: RehearsalProgress) -> dict[str, str]:
    return {
        **{stage.name: stage.state for stage in progress.stages},
        **{job.name: job.state for stage in progress.stages for job in stage.jobs},
    }


def test_copies_of_a_matrix_and_a_manual_validation(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(PIPELINE)
    listener = Events()
    work = tmp_path / "work"
    result = run_pipeline(
        tmp_path / "p.yml",
        root=tmp_path,
        work_dir=work,
        listener=ProgressFile(listener, "dev", ""),
    )
    assert (result.result, listener.count > 0) == ("Waiting", True)
    first = read_progress(result.folder)
    assert first is not None
    assert states(first) == {
        "build": "waiting", "deploy": "not started", "d": "not started",
        "list": "Succeeded", "test.a": "Succeeded", "test.b": "Failed", "ask": "not started",
    }  # fmt: skip
    assert first.stages[0].waiting == ["validation:build.ask"]
    assert first.result == ""  # only the end of the rehearsal has a result

    progress = ProgressFile(listener, "dev", "")
    resume_pipeline(
        result.run,
        work_dir=work,
        approvals={"validation:build.ask": Decision("reject", "Ada", "no")},
        listener=progress,
    )
    progress.finish("Failed", "failed", ["exit code 1"], tmp_path / "index.html")
    second = read_progress(result.folder)
    assert second is not None
    assert states(second) == {
        "build": "Failed", "deploy": "Skipped", "d": "Skipped",
        "list": "Succeeded", "test.a": "Succeeded", "test.b": "Failed", "ask": "Failed",
    }  # fmt: skip
    assert [(each.environment, each.decision) for each in second.stages[0].approvals] == [
        ("build.ask", "rejected")
    ]
    assert (second.run, second.result, second.verdict) == (result.run, "Failed", "failed")
    assert first.resumed < second.resumed


def test_a_file_of_another_version_is_ignored(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    (tmp_path / "rehearsal.json").write_text('{"run": 1}')
    assert read_progress(tmp_path) is None
