"""strategy: matrix and strategy: parallel."""

import time
from typing import Any

import pytest

from pipelines_local import InvalidPipeline, RunResult
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
        ("{matrix: '$[ dependencies.x.outputs[''s.m''] ]'}", "unsupported-strategy"),
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
