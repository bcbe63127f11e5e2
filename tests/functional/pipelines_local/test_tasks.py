"""Tasks that public pipelines use: coverage, build artifacts, cache, Python scripts, validation."""

from pathlib import Path
from typing import Any

import pytest

from pipelines_local import Decision, InvalidPipeline, RunResult, resume_pipeline

pytestmark = pytest.mark.functional


def log(result: RunResult, job: str = "Job") -> list[str]:
    lines = next(j.log for _, j in result.jobs() if j.job == job)
    return [line for line in lines if not line.startswith("Checked out ")]


def codes(result: RunResult) -> list[str]:
    return [code for _, job in result.jobs() for code in job.issues.codes]


@pytest.mark.parametrize(
    ("tool", "report", "line"),
    [
        ("Cobertura", "<coverage line-rate='0.875'/>", "Coverage c.xml: 87.5% of lines"),
        ("JaCoCo", "<report><counter type='LINE' missed='1' covered='3'/></report>", "Coverage c.xml: 75.0% of lines"),
        ("Cobertura", "<coverage/>", "Coverage c.xml: no line rate"),
    ],
)  # fmt: skip
def test_publish_code_coverage_results_1(run: Any, tool: str, report: str, line: str) -> None:
    step = f"steps:\n- task: PublishCodeCoverageResults@1\n  inputs: {{codeCoverageTool: {tool}, summaryFileLocation: '$(System.DefaultWorkingDirectory)/**/c.xml'}}"
    result = run(step, {"c.xml": report})
    assert log(result) == [line]
    assert (result.folder / "coverage" / "c.xml").is_file()


def test_publish_build_artifacts(run: Any) -> None:
    result = run("""
jobs:
- job: a
  steps:
  - checkout: none
  - bash: echo 1 > one; echo 2 > two; cp one $(Build.ArtifactStagingDirectory)
  - task: PublishBuildArtifacts@1
  - task: PublishBuildArtifacts@1
    inputs: {PathtoPublish: two, ArtifactName: drop, publishLocation: Container}
- job: b
  dependsOn: a
  steps:
  - checkout: none
  - download: current
    artifact: drop
  - bash: cat $(Pipeline.Workspace)/drop/one $(Pipeline.Workspace)/drop/two
""")
    assert log(result, "b")[-2:] == ["1", "2"]


PYTHON = "steps:\n- task: PythonScript@0\n  inputs: {{{inputs}}}"


@pytest.mark.parametrize(
    ("inputs", "expected", "line"),
    [
        ("scriptSource: inline, script: 'import sys; print(sys.argv[1:])', arguments: 'a \"b c\"'", "Succeeded", "['a', 'b c']"),
        ("scriptPath: s.py", "Succeeded", "file"),
        ("scriptPath: s.py, pythonInterpreter: /usr/bin/env", "Failed", "##[error]Python exited with code '126'."),
        ("scriptSource: inline, script: 'raise SystemExit(3)'", "Failed", "##[error]Python exited with code '3'."),
    ],
)  # fmt: skip
def test_python_script(run: Any, inputs: str, expected: str, line: str) -> None:
    result = run(PYTHON.format(inputs=inputs), {"s.py": "print('file')"})
    assert (result.result, log(result)[-1]) == (expected, line)


def test_a_python_script_that_is_missing(run: Any) -> None:
    assert codes(run(PYTHON.format(inputs="scriptPath: nope.py"))) == ["missing-path"]
    for inputs in ("scriptSource: inline", "scriptSource: filePath"):
        with pytest.raises(InvalidPipeline) as caught:
            run(PYTHON.format(inputs=inputs))
        assert caught.value.code == "missing-input"


def test_pip_authenticate_warns_about_feeds(run: Any) -> None:
    step = (
        "steps:\n- task: PipAuthenticate@1\n  inputs: {artifactFeeds: %s, onlyAddExtraIndex: true}"
    )
    assert codes(run(step % "team/feed")) == ["pip-feed"]
    assert codes(run(step % "''")) == []


CACHE = """
steps:
- task: Cache@2
  inputs:
    key: 'pip | "$(Agent.OS)" | req.txt'
    restoreKeys: |
      pip | "$(Agent.OS)"
      pip
    path: $(Pipeline.Workspace)/.pip
    cacheHitVar: HIT
- bash: echo $(HIT); ls $(Pipeline.Workspace)/.pip || true; mkdir -p $(Pipeline.Workspace)/.pip; touch $(Pipeline.Workspace)/.pip/$NAME; exit $CODE
  env: {NAME: %s, CODE: %s}
"""


def test_cache(run: Any) -> None:
    def lines(name: str, code: int, requirements: str) -> list[str]:
        result = run(CACHE % (name, code), {"req.txt": requirements})
        return [x for x in log(result) if x in ("true", "false", "inexact", "a", "b", "c")]

    assert lines("a", 1, "x") == ["false"]  # a failed job saves nothing
    assert lines("a", 0, "x") == ["false"]
    assert lines("b", 0, "x") == ["true", "a"]  # an exact hit is not saved again
    assert lines("c", 0, "y") == ["inexact", "a"]
    assert lines("c", 0, "y") == ["true", "a", "c"]
    assert lines("c", 0, "x") == ["true", "a"]


@pytest.mark.parametrize("key", ["pip | nope.txt", "pip | ", "a//b.txt"])
def test_a_wrong_cache_key(run: Any, key: str) -> None:
    step = f"steps:\n- task: Cache@2\n  inputs: {{key: '{key}', path: x}}"
    assert codes(run(step)) == ["cache-key"]


VALIDATION = """
stages:
- stage: s
  jobs:
  - job: build
    steps: [{checkout: none}, {bash: echo x > x; echo built}, {publish: x, artifact: drop}]
  - job: wait
    dependsOn: build
    pool: server
    timeoutInMinutes: 1440
    steps:
    - task: ManualValidation@0
      inputs: {notifyUsers: a@b.c, instructions: Look at $(WHAT), onTimeout: reject}
  - job: deploy
    dependsOn: wait
    steps: [{checkout: none}, {bash: echo deployed}]
- stage: t
  jobs: [{job: j, steps: [{checkout: none}, {bash: echo t}]}]
"""


@pytest.mark.parametrize("name", ["s.wait", "wait", "WAIT"])
def test_an_approved_validation(run: Any, name: str) -> None:
    result = run(VALIDATION, approvals={name: Decision("approve", "ann", "fine")})
    assert result.result == "Succeeded"
    assert log(result, "deploy") == ["Nothing is checked out", "deployed"]
    assert [(a.environment, a.decision, a.name) for a in result.approvals] == [
        ("s.wait", "approved", "ann")
    ]


ENVIRONMENT_OF_THE_SAME_NAME = """
- stage: u
  jobs: [{deployment: d, environment: wait, strategy: {runOnce: {deploy: {steps: [{bash: 'true'}]}}}}]
"""


@pytest.mark.parametrize(
    ("stage", "names", "decided"),
    [
        ("s", ["s.wait"], ["wait"]),
        ("s", ["wait"], ["wait"]),
        ("s", ["environment:s.wait"], ["wait"]),
        ("s", ["s.wait", "validation:s.wait"], ["wait", "s.wait"]),
        ("s", ["environment:WAIT", "validation:wait"], ["wait", "s.wait"]),
        ("u", ["u.wait", "s.wait"], ["s.wait", "wait"]),
        ("u", ["wait"], []),
    ],
)
def test_a_decision_about_an_environment_is_not_one_about_a_validation(
    run: Any, stage: str, names: list[str], decided: list[str]
) -> None:
    deployment = ENVIRONMENT_OF_THE_SAME_NAME.partition("jobs: [")[2].rpartition("]")[0]
    pipeline = (
        VALIDATION.replace("  - job: deploy", f"  - {deployment}\n  - job: deploy")
        if stage == "s"
        else VALIDATION + ENVIRONMENT_OF_THE_SAME_NAME
    )
    result = run(pipeline, approvals={name: Decision("approve", "ann") for name in names})
    assert [each.environment for each in result.approvals] == decided
    assert result.result == ("Succeeded" if len(decided) == 2 else "Waiting")


def test_a_rejected_validation_fails_its_job(run: Any) -> None:
    result = run(VALIDATION, approvals={"wait": Decision("reject", "bob", "no")})
    assert [stage.result for stage in result.stages] == ["Failed", "Skipped"]
    assert {job.job: job.result for _, job in result.jobs()}["deploy"] == "Skipped"
    assert codes(result) == ["rejected-validation"]


def test_an_open_validation_is_not_recorded(run: Any) -> None:
    result = run(VALIDATION, approvals={"wait": Decision("open")})
    assert (result.result, result.approvals) == ("Succeeded", [])


def test_a_run_that_waits_for_a_validation_keeps_its_finished_jobs(
    run: Any, tmp_path: Path
) -> None:
    waiting = run(VALIDATION, variables={"WHAT": "this"})
    assert (waiting.result, waiting.exit_code) == ("Waiting", 4)
    assert waiting.waiting == [{"stage": "s", "environment": "s.wait"}]
    assert [(s.stage, s.result, len(s.jobs)) for s in waiting.stages] == [("s", "Waiting", 1)]
    decisions = {"s.wait": Decision("approve", "ann")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=decisions)
    assert [stage.result for stage in result.stages] == ["Succeeded", "Succeeded"]
    assert result.stages[0].jobs[0].to_dict() == waiting.stages[0].jobs[0].to_dict()


@pytest.mark.parametrize(
    "job",
    [
        "{job: a, pool: server, steps: [{bash: x}]}",
        "{job: a, steps: [{task: ManualValidation@1, inputs: {notifyUsers: x}}]}",
    ],
)
def test_server_tasks_run_only_in_server_jobs(run: Any, job: str) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run(f"jobs:\n- {job}")
    assert caught.value.code == "server-task"
