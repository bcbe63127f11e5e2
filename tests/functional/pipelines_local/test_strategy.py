"""strategy: matrix and strategy: parallel."""

import io
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import (
    Decision,
    InvalidPipeline,
    RunResult,
    console_listener,
    resume_pipeline,
)
from pipelines_local.events import Event, JobFinished, JobStarted

pytestmark = pytest.mark.functional

MATRIX = """
jobs:
- job: build
  displayName: Build
  strategy:
    matrix:
      py310: {version: '3.10', extra: $(version)x}
      py311: {version: '3.11', extra: ''}
  variables: {version: none, other: y}
  steps:
  - checkout: none
  - bash: |
      echo "$(version) $EXTRA $(other) $(System.JobName) $(System.PhaseName) $(System.JobPositionInPhase)/$(System.TotalJobsInPhase)"
      echo "##vso[task.setvariable variable=v;isOutput=true]$(version)"
    name: s
- job: after
  dependsOn: build
  condition: and(succeeded('build'), eq(dependencies.build.outputs['py310.s.v'], '3.10'))
  variables: {x: "$[ dependencies.build.outputs['py311.s.v'] ]"}
  steps: [{checkout: none}, {bash: echo $(x)}]
"""


def logs(result: RunResult) -> dict[str, str]:
    return {job.job: job.log[-1] for _, job in result.jobs() if job.log}


def test_a_matrix_makes_copies_with_own_variables(run: Any) -> None:
    result = run(MATRIX)
    assert logs(result) == {
        "build.py310": "3.10 3.10x y py310 build 1/2",
        "build.py311": "3.11  y py311 build 2/2",
        "after": "3.11",
    }
    displays = [job.display for _, job in result.jobs()]
    assert displays == ["Build py310", "Build py311", "after"]


def test_a_failed_copy_fails_the_job_for_its_dependents(run: Any) -> None:
    result = run(
        MATRIX.replace(
            "- checkout: none\n  - bash: |", "- bash: test $(version) = 3.10\n  - bash: |"
        )
    )
    assert {job.job: job.result for _, job in result.jobs()} == {
        "build.py310": "Succeeded",
        "build.py311": "Failed",
        "after": "Skipped",
    }


def test_outputs_of_copies_in_later_stages(run: Any) -> None:
    result = run("""
stages:
- stage: a
  jobs:
  - job: j
    strategy: {matrix: {x: {}, y: {}}}
    steps: [{checkout: none}, {bash: 'echo "##vso[task.setvariable variable=v;isOutput=true]$(System.JobName)"', name: s}]
- stage: b
  condition: eq(dependencies.a.outputs['j.y.s.v'], 'y')
  jobs: [{job: k, variables: {v: "$[ stageDependencies.a.j.outputs['x.s.v'] ]"}, steps: [{checkout: none}, {bash: echo $(v)}]}]
""")
    assert logs(result)["k"] == "x"


def test_parallel(run: Any) -> None:
    result = run(
        "strategy: {parallel: 3}\nsteps:\n- checkout: none\n"
        "- bash: echo $(System.JobPositionInPhase) of $SYSTEM_TOTALJOBSINPHASE\n"
    )
    assert sorted(logs(result).values()) == ["1 of 3", "2 of 3", "3 of 3"]


class Running:
    def __init__(self) -> None:
        self.now = self.most = 0

    def handle(self, event: Event) -> None:
        if isinstance(event, JobStarted):
            self.now += 1
            self.most = max(self.most, self.now)
        elif isinstance(event, JobFinished):
            self.now -= 1


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (0, 3)])
def test_max_parallel(run: Any, limit: int, most: int) -> None:
    running = Running()
    started = time.monotonic()
    result = run(
        f"strategy: {{maxParallel: {limit}, matrix: {{a: {{}}, b: {{}}, c: {{}}}}}}\n"
        "steps: [{checkout: none}, {bash: sleep 0.2}]",
        listener=running,
        jobs=3,
    )
    assert (result.result, running.most) == ("Succeeded", most)
    assert time.monotonic() - started > 0.2


@pytest.mark.parametrize(
    ("strategy", "code"),
    [
        ("{}", "missing-strategy"),
        ("{matrix: {a: {}}, parallel: 2}", "missing-strategy"),
        ("{parallel: 0}", "invalid-value"),
        ("{matrix: {a-b: {}}}", "invalid-name"),
        ("{matrix: {a: [x]}}", "invalid-type"),
        ("{matrix: {a: {v: [x]}}}", "invalid-type"),
        ("{matrix: '$[ foo( ]'}", "expression-syntax"),
        ("{matrix: text}", "invalid-type"),
        ("{matrix: {a: {image: windows-latest}}}", "unsupported-image"),
        ("{rolling: {}}", "unknown-key"),
    ],
)
def test_wrong_strategies(run: Any, strategy: str, code: str) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run(f"pool: {{vmImage: $(image)}}\nstrategy: {strategy}\nsteps: [{{bash: x}}]")
    assert caught.value.code == code


def test_an_image_of_the_matrix(run: Any) -> None:
    text = "pool: {vmImage: $(IMAGE)}\nstrategy: {matrix: {a: {image: ubuntu-latest}}}\nsteps: [{checkout: none}, {bash: echo}]"
    assert run(text).result == "Succeeded"


EXPRESSION = """
variables: {CONSTANT: '{"one": {"v": "1"}}'}
stages:
- stage: s
  jobs:
  - job: plan
    steps:
    - checkout: none
    - bash: echo "##vso[task.setvariable variable=legs;isOutput=true]$LEGS"
      name: out
      env: {LEGS: $(LEGS)}
  - job: build
    dependsOn: plan
    pool: {vmImage: $(image)}
    strategy: {maxParallel: 1, matrix: "$[ dependencies.plan.outputs['out.legs'] ]"}
    steps:
    - checkout: none
    - bash: |
        echo "$(System.JobName) $V $(System.JobPositionInPhase)/$(System.TotalJobsInPhase)"
        echo "##vso[task.setvariable variable=v;isOutput=true]$V"
      name: b
  - job: after
    dependsOn: build
    variables: {x: "$[ dependencies.build.outputs['a.b.v'] ]"}
    steps: [{checkout: none}, {bash: echo $(x)}]
- stage: t
  jobs:
  - deployment: d
    environment: e
    variables: {x: "$[ stageDependencies.s.build.outputs['a.b.v'] ]"}
    strategy: {runOnce: {deploy: {steps: [{bash: 'echo after $(x)'}]}}}
"""
LEGS = "{'a': {'V': '1'}, 'b': {'V': 'two words'}}"


def test_a_matrix_from_the_output_of_a_job(run: Any) -> None:
    result = run(EXPRESSION, variables={"LEGS": LEGS}, approvals={"e": Decision("open")})
    assert result.result == "Succeeded"
    assert {name: line for name, line in logs(result).items() if name != "plan"} == {
        "build.a": "a 1 1/2",
        "build.b": "b two words 2/2",
        "after": "1",
        "d": "after 1",
    }


def test_the_outputs_of_a_matrix_from_an_expression_after_a_resume(
    run: Any, tmp_path: Path
) -> None:
    waiting = run(EXPRESSION, variables={"LEGS": LEGS})
    assert waiting.result == "Waiting"
    approvals = {"e": Decision("approve", "ann")}
    result = resume_pipeline(waiting.run, work_dir=tmp_path / "work", approvals=approvals)
    assert (result.result, logs(result)["d"]) == ("Succeeded", "after 1")


@pytest.mark.parametrize("legs", ["", "{}", "null"])
def test_an_empty_matrix_runs_the_job_once(run: Any, legs: str) -> None:
    result = run(EXPRESSION, variables={"LEGS": legs})
    jobs = [job for _, job in result.jobs() if job.job == "build"]
    assert [job.result for job in jobs] == ["Succeeded"]


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ("[1]", "matrix-value"),
        ("{'a'", "matrix-value"),
        ("{'a': 'b'}", "matrix-value"),
        ("{'a b': {}}", "matrix-value"),
        ("{'a': {'v': ['x']}}", "matrix-value"),
        ("{'a': {'image': 'windows-latest'}}", "unsupported-image"),
    ],
)
def test_a_wrong_matrix_fails_the_job(run: Any, legs: str, code: str) -> None:
    result = run(EXPRESSION, variables={"LEGS": legs})
    by_name = {job.job: job for _, job in result.jobs()}
    assert (by_name["build"].result, by_name["build"].issues.codes) == ("Failed", [code])
    assert by_name["after"].result == "Skipped"


def test_a_job_with_a_matrix_from_an_expression_can_be_skipped(run: Any) -> None:
    text = EXPRESSION.replace(
        "    dependsOn: plan\n", "    dependsOn: plan\n    condition: false\n"
    )
    result = run(text, variables={"LEGS": LEGS})
    assert [j.result for _, j in result.jobs() if j.job.startswith("build")] == ["Skipped"]


def test_a_matrix_from_a_variable(run: Any) -> None:
    text = EXPRESSION.replace("dependencies.plan.outputs['out.legs']", "variables.CONSTANT")
    assert (
        logs(run(text.replace("$V ", "$(v) "), variables={"LEGS": ""}))["build.one"] == "one 1 1/1"
    )


def test_the_table_shows_the_copies_of_a_matrix_from_an_expression(run: Any) -> None:
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    run(EXPRESSION, variables={"LEGS": LEGS}, listener=console_listener(out))
    assert "build a" in out.getvalue()
    assert "build b" in out.getvalue()
