"""Sources, artifacts, tasks, approvals, processes and folders of a run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import (
    Decision,
    InvalidPipeline,
    RunResult,
    UsageError,
    resume_pipeline,
    run_pipeline,
)
from pipelines_local.events import ApprovalRequested, Event, StepFinished
from pipelines_local.run import scheduler

pytestmark = pytest.mark.functional


def log(result: RunResult, job: str = "Job") -> list[str]:
    lines = next(j.log for s, j in result.jobs() if job in (j.job, f"{s.stage}.{j.job}"))
    return [line for line in lines if not line.startswith("Checked out ")]


# Sources


def test_checkout_provides_the_working_tree(repository: Path, tmp_path: Path) -> None:
    pipeline = repository / "p.yml"
    pipeline.write_text(
        "steps:\n- bash: git status --short; cat kept.txt; ls; ./tool; git log --format=%s\n"
        "- bash: test $(git rev-parse HEAD) = $(Build.SourceVersion) && echo $(Build.SourceBranchName)\n"
        "- bash: git -c user.name=x -c user.email=x@x commit -qam two && git log --format=%s | head -1\n"
    )
    result = run_pipeline(pipeline, root=repository, work_dir=tmp_path / "work")
    assert log(result) == [
        " D gone.txt", " M kept.txt", "?? new.txt", "?? p.yml", "changed",
        "kept.txt", "new.txt", "p.yml", "tool", "tool", "one", "trunk", "two",
    ]  # fmt: skip
    assert (repository / "kept.txt").read_text() == "changed\n"


def test_every_job_sees_the_same_files(repository: Path, tmp_path: Path) -> None:
    pipeline = repository / "p.yml"
    pipeline.write_text(
        f"jobs:\n- job: a\n  steps: [{{bash: echo later > {repository}/kept.txt}}]\n"
        "- job: b\n  dependsOn: a\n  steps: [{bash: cat kept.txt}]\n"
    )
    result = run_pipeline(pipeline, root=repository, work_dir=repository / "work")
    assert log(result, "b") == ["changed"]


def test_a_make_in_a_step_is_not_part_of_the_make_that_started_the_run(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("MAKEFLAGS", "w -- PYTHON=python3.99")
    script = r"printf 'tools:\n\t@cd . && pwd\n' > Makefile; make --silent tools"
    assert len(log(run(f"steps:\n- bash: {script}\n"))) == 1


def test_checkout_none_and_a_path(run: Any) -> None:
    result = run("steps:\n- checkout: none\n- bash: ls | wc -l")
    assert log(result) == ["Nothing is checked out", "0"]
    result = run("steps:\n- checkout: self\n  path: s/sub\n- bash: ls")
    assert log(result) == ["p.yml"]


# Artifacts


def test_artifacts_contain_only_file_contents(run: Any) -> None:
    result = run("""
jobs:
- job: a
  steps:
  - bash: mkdir -p d/empty d/sub; echo x > d/sub/f; echo y > d/g; chmod +x d/g; ln -s g d/link
  - publish: d
    artifact: drop
- job: b
  dependsOn: a
  steps:
  - checkout: none
  - download: current
  - bash: cd $(Pipeline.Workspace)/drop; find . -type f | sort; test -x g || echo plain; cat link
  - download: current
    artifact: drop
    patterns: sub/**
    path: $(Build.SourcesDirectory)/here
  - bash: find here -type f
  - task: DownloadPipelineArtifact@2
    inputs: {artifact: drop, patterns: "!sub/**\\n**", path: there}
  - bash: ls there
""")
    assert result.result == "Succeeded"
    text = [line for line in log(result, "b") if "Downloaded" not in line and "Nothing" not in line]
    assert text[:6] == ["./g", "./link", "./sub/f", "plain", "y", "here/sub/f"]
    assert (result.artifacts / "drop" / "sub" / "f").read_text() == "x\n"


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ("- publish: nope\n  artifact: a", "missing-path"),
        ("- publish: .\n  artifact: a/b", "artifact-name"),
        ("- publish: p.yml\n  artifact: a\n- publish: p.yml\n  artifact: a", "duplicate-artifact"),
        ("- download: current\n  artifact: nope", "missing-artifact"),
    ],
)
def test_artifacts_that_fail(run: Any, steps: str, code: str) -> None:
    result = run(f"steps:\n{steps}")
    assert result.result == "Failed"
    assert result.stages[0].jobs[0].issues.codes == [code]


def test_the_artifacts_of_another_pipeline(run: Any, tmp_path: Path) -> None:
    other = "resources:\n  pipelines:\n  - pipeline: up\n    source: first\nsteps:\n- download: up\n  artifact: drop\n- bash: cat $(Pipeline.Workspace)/up/drop/p.yml | head -1\n"
    with pytest.raises(InvalidPipeline) as caught:
        run(other)
    assert caught.value.code == "missing-pipeline-run"
    first = tmp_path / "repo" / "first.yml"
    first.write_text("steps:\n- publish: p.yml\n  artifact: drop")
    run_pipeline(first, root=first.parent, work_dir=tmp_path / "work")
    result = run(other)
    assert log(result)[-1] == "resources:"
    result = run(
        other + "- bash: echo $(resources.pipeline.up.pipelineName) $RESOURCES_PIPELINE_UP_RUNID\n"
        "- bash: echo yes\n  condition: ne(variables['resources.pipeline.up.runName'], '')\n"
    )
    assert log(result)[-2:] == ["first 1", "yes"]
    result = run(other, pipelines={"UP": tmp_path / "repo"})
    assert result.result == "Failed"  # there is no artifact 'drop' in that folder


# Tasks


def test_copy_files(run: Any) -> None:
    result = run("""
steps:
- bash: mkdir -p src/a .git2 ; touch src/a/1.py src/a/1.txt src/2.py .hidden
- task: CopyFiles@2
  inputs: {SourceFolder: src, Contents: "**/*.py\\n!**/2.py", TargetFolder: $(Build.ArtifactStagingDirectory)/x}
- task: CopyFiles@2
  inputs: {SourceFolder: src, TargetFolder: flat, flattenFolders: true}
- bash: cd $(Build.ArtifactStagingDirectory) && find . -type f; cd - > /dev/null; ls flat
- task: CopyFiles@2
  inputs: {SourceFolder: nope, TargetFolder: x}
""")
    lines = log(result)
    assert [line for line in lines if not line.startswith(("Copied", "##"))] == [
        "./x/a/1.py", "1.py", "1.txt", "2.py",
    ]  # fmt: skip
    assert "not found SourceFolder" in lines[-1]


JUNIT = "<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure>x</failure></testcase><testcase name='c'><skipped/></testcase></testsuite></testsuites>"
PUBLISH = "steps:\n- task: PublishTestResults@2\n  inputs: {{testResultsFiles: '**/r*.xml', testRunTitle: T, {more}}}"


@pytest.mark.parametrize(
    ("files", "more", "expected", "code"),
    [
        ({"r1.xml": JUNIT}, "testResultsFormat: JUnit", "Succeeded", "failed-tests"),
        ({"r1.xml": JUNIT}, "failTaskOnFailedTests: true", "Failed", "failed-tests"),
        ({}, "mergeTestResults: true", "Succeeded", "missing-test-results"),
        ({}, "failTaskOnMissingResultsFile: true", "Failed", "missing-test-results"),
        ({"r1.xml": "<html/>"}, "searchFolder: $(Build.SourcesDirectory)", "Succeeded", "invalid-test-results"),
        ({"r1.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><testsuite/>"}, "testRunner: JUnit", "Succeeded", "invalid-test-results"),
        ({"r1.xml": "<testsuite"}, "failTaskOnFailureToPublishResults: true", "Failed", "invalid-test-results"),
    ],
)  # fmt: skip
def test_publish_test_results(
    run: Any, files: dict[str, str], more: str, expected: str, code: str
) -> None:
    result = run(PUBLISH.format(more=more), files)
    issues = result.stages[0].jobs[0].issues
    assert result.result == expected
    assert issues.codes[0] == code


def test_published_tests_are_counted_and_kept(run: Any) -> None:
    result = run(
        PUBLISH.format(more="testResultsFormat: JUnit"),
        {"r1.xml": JUNIT, "x/r2.xml": JUNIT, "x/r1.xml": JUNIT},
    )
    counts = {"title": "T", "files": 3, "total": 9, "failed": 3, "skipped": 3, "passed": 3}
    assert result.tests == [counts]
    assert len(list((result.folder / "tests").iterdir())) == 3


def test_publish_coverage(run: Any) -> None:
    step = "steps:\n- task: PublishCodeCoverageResults@2\n  inputs: {summaryFileLocation: $(Build.SourcesDirectory)/c*.xml, failIfCoverageEmpty: true}"
    result = run(step, {"cov.xml": "<coverage line-rate='0.875'/>"})
    assert log(result) == ["Coverage cov.xml: 87.5% of lines"]
    (result.folder.parent.parent / "repo" / "cov.xml").unlink()
    assert run(step).result == "Failed"


def test_use_python_version(run: Any) -> None:
    steps = "steps:\n- task: UsePythonVersion@0\n  inputs: {{versionSpec: '{spec}'}}\n- bash: python -c 'import sys; print(sys.version_info[0])'; command -v python"
    result = run(steps.format(spec=">=3.11"))
    assert log(result)[1] == "3"
    assert log(result)[2].startswith(str(result.folder))
    assert run(steps.format(spec="2.x")).result == "Failed"
    assert run(steps.format(spec="newest")).result == "Failed"


# Deployments and approvals

DEPLOY = """
stages:
- stage: build
  jobs: [{job: b, steps: [{bash: echo x > x}, {publish: x, artifact: pack}]}]
- stage: release
  jobs:
  - job: before
    steps: [{bash: echo nobody comes before the approval}]
  - deployment: d
    environment: prod
    strategy:
      runOnce:
        preDeploy: {steps: [{bash: echo pre}]}
        deploy: {steps: [{bash: "cat $(Pipeline.Workspace)/pack/x; ls $(Build.SourcesDirectory) | wc -l; echo $(Environment.Name)"}]}
        routeTraffic: {steps: [{bash: echo route}]}
        postRouteTraffic: {steps: [{bash: echo post}]}
        on:
          failure: {steps: [{bash: echo on failure}]}
          success: {steps: [{bash: echo on success}]}
- stage: after
  jobs: [{job: a, steps: [{bash: echo after}]}]
"""


def test_a_deployment_downloads_artifacts_and_runs_its_hooks(run: Any) -> None:
    result = run(DEPLOY, approvals={"PROD": Decision("approve", "ann", "looks good")})
    lines = [line for line in log(result, "d") if not line.startswith("Downloaded")]
    assert lines == ["pre", "x", "0", "prod", "route", "post", "on success"]
    assert [(a.environment, a.decision, a.name, a.comment) for a in result.approvals] == [
        ("prod", "approved", "ann", "looks good")
    ]


def test_a_failed_hook_stops_the_sequence(run: Any) -> None:
    result = run(DEPLOY.replace("echo route", "exit 1"), approvals={"prod": Decision("open")})
    lines = [line for line in log(result, "d") if not line.startswith(("Downloaded", "##"))]
    assert lines == ["pre", "x", "0", "prod", "on failure"]
    assert [stage.result for stage in result.stages] == ["Succeeded", "Failed", "Skipped"]
    assert result.approvals == []


def test_rejected(run: Any) -> None:
    result = run(DEPLOY, approvals={"prod": Decision("reject", "bob", "no")})
    assert [stage.result for stage in result.stages] == ["Succeeded", "Rejected", "Skipped"]
    assert (result.result, result.exit_code) == ("Rejected", 5)
    assert {job.job: job.result for _, job in result.jobs()}["before"] == "Skipped"


AFTER_REJECTION = """
stages:
- stage: first
  jobs: [{deployment: d, environment: one, strategy: {runOnce: {deploy: {steps: [{bash: 'true'}]}}}}]
- stage: second
  jobs: [{deployment: d, environment: two, strategy: {runOnce: {deploy: {steps: [{bash: 'true'}]}}}}]
- stage: rollback
  dependsOn: first
  condition: failed()
  jobs: [{deployment: d, environment: three, strategy: {runOnce: {deploy: {steps: [{bash: 'true'}]}}}}]
"""


def test_a_rejection_asks_only_for_approvals_of_stages_that_run(run: Any) -> None:
    decisions = {"one": Decision("reject"), "two": Decision("approve"), "three": Decision("open")}
    result = run(AFTER_REJECTION, approvals=decisions)
    assert [stage.result for stage in result.stages] == ["Rejected", "Skipped", "Succeeded"]
    assert [each.environment for each in result.approvals] == ["one"]
    result = run(AFTER_REJECTION, approvals={"one": Decision("reject")})
    assert result.waiting == [{"stage": "rollback", "environment": "three"}]


class Seen:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)


def test_a_waiting_run_can_be_resumed(run: Any, tmp_path: Path) -> None:
    seen = Seen()
    waiting = run(DEPLOY, listener=seen)
    assert (waiting.result, waiting.exit_code) == ("Waiting", 4)
    assert [stage.stage for stage in waiting.stages] == ["build"]
    assert waiting.to_dict()["waiting"] == [{"stage": "release", "environment": "prod"}]
    requests = [event for event in seen.events if isinstance(event, ApprovalRequested)]
    assert [(event.stage, event.environment) for event in requests] == [("release", "prod")]
    (tmp_path / "repo" / "p.yml").unlink()  # the pipeline that was begun goes on
    words = {"prod": Decision("approve", "ann")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=words)
    assert result.result == "Succeeded"
    assert [stage.stage for stage in result.stages] == ["build", "release", "after"]
    assert result.to_dict()["waiting"] == []
    assert result.name == waiting.name
    assert log(result, "d")[1:3] == ["Downloaded 1 files of the artifact 'pack'", "x"]
    for run_id, code in ((waiting.run, "not-waiting"), ("nope", "unknown-run")):
        with pytest.raises(UsageError) as caught:
            resume_pipeline(run_id, work_dir=tmp_path / "work")
        assert caught.value.code == code


def test_outputs_and_variables_are_restored(run: Any, tmp_path: Path) -> None:
    text = """
variables: {n: "$[counter('c', 7)]"}
stages:
- stage: a
  jobs:
  - job: j
    steps:
    - bash: echo "##vso[task.setvariable variable=v;isOutput=true]kept"
      name: s
- stage: b
  variables: {v: "$[stageDependencies.a.j.outputs['s.v']]"}
  jobs:
  - deployment: d
    environment: e
    strategy: {runOnce: {deploy: {steps: [{bash: echo $(v) $(n) $(Build.BuildNumber)}]}}}
"""
    waiting = run(text)
    words = {"e": Decision("approve")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=words)
    assert log(result, "d")[-1] == f"kept 7 {waiting.name}"


KILLED = """
stages:
- stage: a
  jobs: [{job: j, steps: [{bash: echo x > x}, {publish: x, artifact: first}]}]
- stage: b
  jobs:
  - deployment: d
    environment: e
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: touch left; echo y > y; ls | wc -l
          - publish: y
            artifact: second
          - bash: "test -e HERE/go || { setsid sleep 321.5 & sleep 322.5; }"
"""


def test_a_run_killed_after_the_approval_can_be_resumed(run: Any, tmp_path: Path) -> None:
    """The killed stage runs again from its start; earlier stages do not."""
    text = KILLED.replace("HERE", str(tmp_path))
    waiting = run(text)
    words = ["--resume", waiting.run, "--approve", "e=ann"]
    process = start(tmp_path, "", *words)
    process.kill()
    process.communicate(timeout=120)
    (tmp_path / "go").touch()
    decision = {"e": Decision("approve", "ann")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=decision)
    assert result.result == "Succeeded"
    assert result.stages[0].to_dict() == waiting.stages[0].to_dict()
    assert [line for line in log(result, "d") if line.isdigit()] == ["2"]
    assert (result.artifacts / "second" / "y").read_text() == "y\n"
    assert [word.name for word in result.approvals] == ["ann"]


def test_approvals_can_be_decided_one_after_the_other(run: Any, tmp_path: Path) -> None:
    deployment = "  - deployment: {0}\n    environment: {0}\n    strategy: {{runOnce: {{deploy: {{steps: [{{bash: echo {0}}}]}}}}}}\n"
    text = "stages:\n- stage: s\n  jobs:\n" + "".join(map(deployment.format, "xy"))
    waiting = run(text, approvals={"x": Decision("approve", "ann")})
    assert [word.environment for word in waiting.approvals] == ["x"]
    words = {"y": Decision("approve", "bob")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=words)
    assert result.result == "Succeeded"
    assert [(word.environment, word.name) for word in result.approvals] == [
        ("x", "ann"),
        ("y", "bob"),
    ]


def test_canary(run: Any) -> None:
    text = """
jobs:
- deployment: d
  environment: e
  strategy:
    canary:
      increments: [10, 50]
      preDeploy: {steps: [{bash: "echo pre $(strategy.name) '$(strategy.increment)'"}]}
      deploy:
        steps:
        - bash: |
            echo deploy $(strategy.increment)
            echo "##vso[task.setvariable variable=v;isOutput=true]$(strategy.increment)"
          name: s
      postRouteTraffic: {steps: [{bash: echo post $(strategy.increment)}]}
- job: j
  dependsOn: d
  variables: {x: "$[ dependencies.d.outputs['deploy_10.s.v'] ]", y: "$[ dependencies.d.outputs['deploy_50.s.v'] ]"}
  steps: [{bash: echo $(x) $(y)}]
"""
    result = run(text, approvals={"e": Decision("open")})
    lines = [line for line in log(result, "d") if "artifacts" not in line]
    assert lines.pop(0) == "pre canary $(strategy.increment)"
    assert lines == ["deploy 10", "post 10", "deploy 50", "post 50", "deploy 100", "post 100"]
    assert log(result, "j") == ["10 50"]


# Processes


SLOW = """
stages:
- stage: a
  jobs:
  - job: j
    steps:
    - checkout: none
    - bash: |
        setsid sleep 321.5 &
        trap 'echo last words; exit 9' INT
        sleep 322.5 &
        wait
        echo never
    - bash: echo never
    - bash: echo always $(Agent.JobStatus)
      condition: always()
    - bash: echo canceled
      condition: canceled()
    - bash: echo never
      condition: succeededOrFailed()
- stage: b
  jobs: [{job: x, steps: [{bash: echo never}]}]
- stage: c
  condition: always()
  jobs: [{job: x, condition: canceled(), steps: [{checkout: none}, {bash: echo c}]}]
"""


def sleepers(mark: str) -> list[str]:
    """Processes whose command line holds ``mark``."""
    actual = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - faster
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:1] == [b"sleep"] and mark.encode() in words:
                actual.append(name)
    return actual


def start(tmp_path: Path, text: str, *words: str) -> subprocess.Popen[str]:
    """Start a run in a process of its own; come back when its slow step runs."""
    (tmp_path / "p.yml").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines_local", "run", str(tmp_path / "p.yml"), "--root",
         str(tmp_path), "--work-dir", str(tmp_path / "work"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (sleepers("321.5") and sleepers("322.5")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers("322.5"), process.poll()
    return process


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_cancelled_in_order(tmp_path: Path, signum: int) -> None:
    process = start(tmp_path, SLOW, "--format", "json")
    process.send_signal(signum)
    out, err = process.communicate(timeout=120)
    document = json.loads(out)
    assert (process.returncode, err) == (130, "")
    assert document["result"] == "Canceled"
    stages = {stage["stage"]: stage for stage in document["stages"]}
    assert stages["a"]["jobs"][0]["log"][1:] == ["last words", "always Canceled", "canceled"]
    assert [stages[name]["result"] for name in "abc"] == ["Canceled", "Skipped", "Succeeded"]
    assert stages["c"]["jobs"][0]["log"][1:] == ["c"]
    assert sleepers("321.5") == sleepers("322.5") == []


def test_a_run_that_is_cancelled_while_a_job_starts(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's condition was evaluated before; its steps follow the cancellation."""

    class Canceled(scheduler.JobRun):
        def __init__(self, context: Any, *values: Any, **more: Any) -> None:
            context.cancellation.request()
            super().__init__(context, *values, **more)

    monkeypatch.setattr(scheduler, "JobRun", Canceled)
    done = run(
        "steps: [{checkout: none}, {bash: sleep 600}, {bash: echo a, condition: canceled()}]"
    )
    [stage] = done.stages
    assert (done.result, stage.jobs[0].result) == ("Canceled", "Canceled")
    assert [step.result for step in stage.jobs[0].steps] == ["Skipped", "Skipped", "Succeeded"]


def test_a_killed_run_leaves_no_process_and_does_not_block_the_next(tmp_path: Path) -> None:
    process = start(tmp_path, SLOW)
    process.kill()
    process.communicate(timeout=120)
    deadline = time.monotonic() + 90
    while sleepers("321.5") + sleepers("322.5") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers("321.5") == sleepers("322.5") == []
    (tmp_path / "p.yml").write_text("steps: [{bash: echo}]")
    again = run_pipeline(tmp_path / "p.yml", root=tmp_path, work_dir=tmp_path / "work")
    assert again.result == "Succeeded"


def test_background_processes_end_with_the_job(run: Any) -> None:
    result = run(
        # It may start only after its step.
        "steps:\n- bash: setsid sleep 323.5 &\n"
        "- bash: timeout 60 sh -c \"until pgrep -f 'sleep 323.[5]'; do sleep 0.05; done\" && echo still there"
    )
    assert log(result)[-1] == "still there"
    assert sleepers("323.5") == []


def test_a_job_that_exceeds_its_timeout(run: Any) -> None:
    result = run(
        "jobs:\n- job: j\n  timeoutInMinutes: 0.01\n  steps:\n  - bash: sleep 60\n  - bash: echo last\n    condition: always()"
    )
    job = result.stages[0].jobs[0]
    assert (job.result, job.log[-1]) == ("Canceled", "last")


def test_the_number_of_parallel_jobs_is_limited(run: Any) -> None:
    body = "  steps:\n  - checkout: none\n  - bash: touch $(Build.ArtifactStagingDirectory)/go; for i in $(seq 1200); do test -e $(Build.ArtifactStagingDirectory)/../../$O/a/go && echo met && exit 0; sleep 0.05; done; exit 1\n"
    text = "jobs:\n" + "".join(
        f"- job: {name}\n  variables: {{O: {other}}}\n{body}" for name, other in ("ab", "ba")
    )
    assert run(text, jobs=2).result == "Succeeded"
    order = [event.job for event in _finished(run, text.replace("seq 1200", "seq 2"))]
    assert order == ["a", "a", "b", "b"]


def _finished(run: Any, text: str) -> list[StepFinished]:
    seen = Seen()
    run(text, jobs=1, listener=seen)
    return [event for event in seen.events if isinstance(event, StepFinished)]


# Folders


def test_old_runs_are_deleted_but_not_successful_and_waiting_ones(run: Any, tmp_path: Path) -> None:
    waiting = run(DEPLOY)
    good = run("steps: [{bash: echo}]", keep=2)
    for _ in range(4):
        last = run("steps: [{bash: exit 1}]", keep=2)
    left = {path.name for path in (tmp_path / "work").iterdir() if path.is_dir()}
    assert {waiting.run, good.run, last.run} <= left
    assert len(left) == 4


@pytest.mark.parametrize("name", ["artifacts", "Logs", "lock", "sources", "tests"])
def test_a_job_may_be_named_as_a_folder_of_the_run(run: Any, name: str) -> None:
    result = run(
        f"jobs:\n- job: a\n  steps: [{{bash: echo x > x}}, {{publish: x, artifact: drop}}]\n"
        f"- job: {name}\n  dependsOn: a\n  steps: [{{download: current}}, {{bash: cat $(Pipeline.Workspace)/drop/x}}]\n"
    )
    assert log(result, name)[-1] == "x"


def test_logs_are_kept_by_step(run: Any) -> None:
    result = run("steps:\n- bash: echo a\n  displayName: Say A/B")
    step = result.stages[0].jobs[0].steps[1]
    assert step.log is not None
    assert step.log.name == "02-Say_A_B.log"
    assert step.log.read_text() == "a\n"


def test_the_document_of_a_run_is_json(run: Any) -> None:
    result = run("steps: [{bash: echo}]")
    stored = json.loads((result.folder / "run.json").read_text())
    assert stored == json.loads(json.dumps(result.to_dict()))
    assert set(stored) >= {"result", "name", "stages", "artifacts", "summaries", "approvals"}
    step = stored["stages"][0]["jobs"][0]["steps"][1]
    assert set(step) == {"name", "display", "result", "exit_code", "started", "finished"}
