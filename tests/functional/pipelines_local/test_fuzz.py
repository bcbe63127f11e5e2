"""Mutated pipelines: a diagnostic with a position, or a run; no traceback, no hang.

The suite tries some hundred; set ``PIPELINES_LOCAL_MUTATIONS=10000`` for more.
"""

import os
import random
import signal
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from pipelines_local import (
    ApprovalRequest,
    Decision,
    InvalidPipeline,
    PipelinesError,
    PresetApprovals,
    run_pipeline,
)
from pipelines_local.load import load_pipeline

pytestmark = pytest.mark.functional

COUNT = int(os.environ.get("PIPELINES_LOCAL_MUTATIONS", "300"))
RUN_EVERY = 10
SECONDS = 90

TEMPLATES = {
    "steps.yml": "parameters:\n- name: word\n  type: string\n  default: hi\n  values: [hi, yo]\nsteps:\n- bash: echo ${{ parameters.word }}\n  condition: succeeded()\n",
    "jobs.yml": "parameters:\n- {name: names, type: object, default: [a, b]}\n- {name: extra, type: stepList, default: []}\njobs:\n- ${{ each n in parameters.names }}:\n  - job: ${{ n }}\n    steps:\n    - checkout: none\n    - ${{ parameters.extra }}\n    - template: steps.yml\n      parameters: {word: yo}\n",
    "vars.yml": "parameters: [{name: x, type: string}]\nvariables:\n  fromfile: ${{ parameters.x }}-y\n",
}
PIPELINES = [
    """
name: n-$(Date:yyyyMMdd)$(Rev:.r)
trigger: none
parameters:
- name: flag
  type: boolean
  default: true
- name: count
  type: number
  default: 3
- name: items
  type: object
  default: {a: 1, b: [x, y]}
variables:
- name: one
  value: $[counter('p', 1)]
- template: vars.yml
  parameters: {x: "${{ parameters.count }}"}
- ${{ if eq(parameters.flag, true) }}:
  - name: two
    value: yes
- ${{ else }}:
  - name: two
    value: no
stages:
- stage: build
  displayName: Build ${{ variables.fromfile }}
  jobs:
  - template: jobs.yml
    parameters:
      names: [x, y]
      extra:
      - script: echo $(two) ${{ length(convertToJson(parameters.items)) }}
        env: {A: "$(one)"}
  - job: last
    dependsOn: [x, y]
    condition: and(succeeded(), in(dependencies.x.result, 'Succeeded', 'SucceededWithIssues'))
    timeoutInMinutes: 1
    steps:
    - checkout: none
    - bash: |
        echo "##vso[task.setvariable variable=v;isOutput=true]value"
      name: out
    - publish: $(Agent.TempDirectory)
      artifact: drop
      continueOnError: true
- stage: use
  dependsOn: build
  condition: ne(dependencies.build.outputs['last.out.v'], '')
  variables: {v: "$[ stageDependencies.build.last.outputs['out.v'] ]"}
  jobs:
  - deployment: deploy
    environment: prod
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: echo $(v)
            retryCountOnTaskFailure: 1
        on:
          success:
            steps: [{bash: echo fine}]
""",
    """
pool: {vmImage: ubuntu-latest}
steps:
- checkout: self
- ${{ each pair in split('a,b;c', ';') }}:
  - ${{ if contains(pair, ',') }}:
    - bash: echo ${{ replace(pair, ',', ' ') }}
  - ${{ elseif eq(1, 2) }}:
    - bash: echo never
  - ${{ else }}:
    - template: /steps.yml
- task: CopyFiles@2
  inputs:
    SourceFolder: $(Build.SourcesDirectory)
    Contents: |
      **/*.yml
      !p.yml
    TargetFolder: $(Build.ArtifactStagingDirectory)
- task: PublishTestResults@2
  condition: succeededOrFailed()
  inputs: {testResultsFormat: JUnit, testResultsFiles: '**/*.xml'}
- download: current
  enabled: false
""",
    """
extends:
  template: base.yml
  parameters:
    steps:
    - bash: echo mine
      displayName: Mine
""",
]
BASE = {
    "base.yml": "parameters:\n- {name: steps, type: stepList}\nstages:\n- stage: only\n  jobs:\n  - job:\n    steps:\n    - checkout: none\n    - ${{ each step in parameters.steps }}:\n      - ${{ each pair in step }}:\n          ${{ pair.key }}: ${{ pair.value }}\n"
}
FILES = {**TEMPLATES, **BASE}
ROOT = Path(__file__).parents[3]
OURS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / ".ado").rglob("*.yml"))
}
WORDS = [
    "${{", "}}", "$[", "$(", ")", "'", '"', "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!x ", "|", ">", "#", "\t", "\n", "\0", "\ufeff",
    "${{ if }}", "${{ else }}:", "${{ each x in y }}:", "${{ insert }}: ", "template: p.yml", "- template: jobs.yml\n", "dependsOn: ", "condition: ",
    "null", "~", "true", "-1", "1e999", "9" * 400, "((((", "not(" * 70, "%", "---\n", "...\n", "? ", "<<: ", "é", "\u2028", "\U0001f600", "\x85", "strategy: {matrix: {}}\n",
    "parameters.", "variables[", "format('{0', 1)", "split('', '')", "stages:\n", "jobs:\n", "steps:\n", "  ", "{" * 80, "[" * 80,
]  # fmt: skip


def mutated(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        lines = text.splitlines(keepends=True) or [""]
        row = chance.randrange(len(lines))
        match chance.randrange(9):
            case 0:
                text = text[:at] + text[at + chance.randint(1, 5) :]
            case 1:
                text = text[:at] + chance.choice(WORDS) + text[at:]
            case 2:
                text = text[:at] + chance.choice(string.printable) + text[at:]
            case 3:
                del lines[row]
                text = "".join(lines)
            case 4:
                lines.insert(chance.randrange(len(lines)), lines[row])
                text = "".join(lines)
            case 5:
                lines[row] = " " * chance.randint(0, 9) + lines[row].lstrip(" ")
                text = "".join(lines)
            case 6:
                other = chance.randrange(len(lines))
                lines[row], lines[other] = lines[other], lines[row]
                text = "".join(lines)
            case 7:
                text = text[:at]
            case _:
                end = min(len(text), at + chance.randint(1, 40))
                text = text[:at] + text[at:end] * chance.randint(2, 3) + text[end:]
    return text


@contextmanager
def in_time(text: str) -> Iterator[None]:
    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"after {SECONDS} s: {text!r}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(error: PipelinesError, number: int) -> None:
    """A diagnostic is one line, with its place where it is about the file."""
    assert "\n" not in str(error), (number, error)
    if isinstance(error, InvalidPipeline):
        assert min(error.at.line, error.at.column) >= 1, number


class Approves:
    def decide(self, request: ApprovalRequest) -> Decision:
        return Decision("open")


def test_mutations_of_our_own_pipelines(tmp_path: Path) -> None:
    """Read and checked, not run: a third as many, for there the rest is the same."""
    refused = 0
    for number in range(COUNT // 3):
        chance = random.Random(-number)
        name = chance.choice(list(OURS))
        files = {**OURS, name: mutated(OURS[name], chance)}
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8", errors="surrogatepass")
        start = name if "templates" not in name else chance.choice(list(OURS)[:4])
        with in_time(files[name]):
            try:
                load_pipeline(tmp_path / start, tmp_path)
            except PipelinesError as error:
                refused += 1
                check(error, number)
    assert refused > COUNT / 20


def test_mutations(tmp_path: Path) -> None:
    refused = ran = accepted = 0
    for number in range(COUNT):
        chance = random.Random(number)
        files = {"p.yml": chance.choice(PIPELINES), **FILES}
        name = chance.choice(["p.yml", "p.yml", *FILES])
        files[name] = mutated(files[name], chance)
        for path, text in files.items():
            (tmp_path / path).write_text(text, encoding="utf-8", errors="surrogatepass")
        with in_time(files[name]):
            try:
                loaded = load_pipeline(tmp_path / "p.yml", tmp_path)
            except PipelinesError as error:
                refused += 1
                check(error, number)
                continue
            accepted += 1
            # What a mutation made of a script is not this test's: only the harmless are run.
            steps = [s for stage in loaded.pipeline.stages for j in stage.jobs for s in j.steps]
            scripts = [step.inputs.get("script", "echo") for step in steps]
            if accepted % RUN_EVERY or any(set(s) & set("<>;&|`\0") - {";"} for s in scripts):
                continue
            try:
                result = run_pipeline(
                    tmp_path / "p.yml", root=tmp_path, work_dir=tmp_path / "work",
                    approvals=PresetApprovals({}, Approves()), keep=1,
                )  # fmt: skip
            except PipelinesError as error:
                check(error, number)
                continue
            ran += 1
            assert result.finished is not None
            assert result.exit_code in (0, 1, 130)
    assert refused > COUNT / 3
    assert ran >= COUNT / 100


@pytest.mark.parametrize("pipeline", PIPELINES, ids=["stages", "steps", "extends"])
def test_the_original_pipelines_succeed(tmp_path: Path, pipeline: str) -> None:
    for path, text in {"p.yml": pipeline, **FILES}.items():
        (tmp_path / path).write_text(text)
    result = run_pipeline(
        tmp_path / "p.yml", root=tmp_path, work_dir=tmp_path / "work", approvals=Approves()
    )
    assert result.result in ("Succeeded", "SucceededWithIssues"), [
        job.log for _, job in result.jobs()
    ]
