"""Diagnostics of a pipeline that is wrong or uses unsupported features."""

from pathlib import Path

import pytest

from pipelines_local import InvalidPipeline
from pipelines_local.load import check_external_resources, load_pipeline

JOB = "- job: a\n  steps: [{bash: x}]\n"
DEPLOY = "jobs:\n- deployment: d\n  environment: e\n  strategy:\n    "
TASK = "steps:\n- task: {task}\n  inputs: {inputs}"

# name, the pipeline, position, code of the diagnostic
CASES: list[tuple[str, str, str, str]] = [
    ("nothing to do", "name: x", "1:1", "pipeline-content"),
    ("two at once", "steps: [{bash: x}]\njobs: []", "1:1", "pipeline-content"),
    ("no steps", "steps: []", "1:1", "missing-steps"),
    ("no stages", "stages: []", "1:1", "missing-steps"),
    ("no jobs", "stages:\n- stage: a\n  jobs: []", "2:3", "missing-steps"),
    ("a job without steps", "jobs:\n- job: a", "2:3", "missing-steps"),
    ("misspelt key", "jobs:\n- job: a\n  stepz: []", "3:3", "unknown-key"),
    ("misspelt root key", "stpes: []", "1:1", "unknown-key"),
    ("misspelt step key", "steps:\n- bash: x\n  displayname: y", "3:3", "unknown-key"),
    ("upper-case key", "steps:\n- Bash: x", "2:3", "unknown-key"),
    ("not the first key", "steps:\n- displayName: x\n  bash: y", "3:3", "key-order"),
    ("job not the first key", "jobs:\n- displayName: x\n  job: y", "3:3", "key-order"),
    ("a step that is a text", "steps:\n- echo", "2:3", "invalid-type"),
    ("powershell", "steps:\n- powershell: x", "2:3", "unsupported-step"),
    ("pwsh", "steps:\n- pwsh: x", "2:3", "unsupported-step"),
    ("getPackage", "steps:\n- getPackage: x", "2:3", "unsupported-step"),
    ("an unknown task", "steps:\n- task: Docker@2", "2:9", "unsupported-task"),
    ("another version", "steps:\n- task: CopyFiles@1", "2:9", "unsupported-task"),
    ("a task without version", "steps:\n- task: CopyFiles", "2:9", "unsupported-task"),
    ("the agent's own word as a task", "steps:\n- task: checkout", "2:9", "unsupported-task"),
    ("missing input", TASK.format(task="CopyFiles@2", inputs="{Contents: x}"), "2:3", "missing-input"),
    ("wrong flag", TASK.format(task="CopyFiles@2", inputs="{TargetFolder: x, OverWrite: yes}"), "3:40", "invalid-value"),
    ("other format", TASK.format(task="PublishTestResults@2", inputs="{testResultsFormat: NUnit}"), "3:31", "unsupported-value"),
    ("other script type", TASK.format(task="AzureCLI@2", inputs="{azureSubscription: c, scriptType: ps, inlineScript: x}"), "3:46", "unsupported-value"),
    ("no script", TASK.format(task="AzureCLI@2", inputs="{azureSubscription: c, scriptType: bash}"), "2:3", "missing-input"),
    ("Bash without a file", TASK.format(task="Bash@3", inputs="{script: x}"), "2:3", "missing-input"),
    ("artifact share", TASK.format(task="PublishPipelineArtifact@1", inputs="{path: x, artifactType: filepath}"), "3:35", "unsupported-value"),
    ("checkout of a project", "steps:\n- checkout: git://other", "2:13", "unsupported-checkout"),
    ("submodules", "steps:\n- checkout: self\n  submodules: all", "3:15", "invalid-value"),
    ("target", "steps:\n- bash: x\n  target: host", "3:3", "unsupported-key"),
    ("publish nothing", "steps:\n- publish:", "2:3", "missing-input"),
    ("download nothing", "steps:\n- download:", "2:3", "missing-input"),
    ("wrong name of a step", "steps:\n- bash: x\n  name: a-b", "3:9", "invalid-name"),
    ("step name twice", "steps:\n- bash: x\n  name: a\n- bash: y\n  name: A", "4:3", "duplicate-step"),
    ("wrong condition", "steps:\n- bash: x\n  condition: eq(1", "3:14", "expression-syntax"),
    ("macro in a condition", "steps:\n- bash: x\n  condition: eq($(x), 1)", "3:14", "expression-syntax"),
    ("dependencies in a step's condition", "steps:\n- bash: x\n  condition: eq(dependencies.a.result, 1)", "3:14", "expression-syntax"),
    ("status function in a variable", "variables: {a: '$[succeeded()]'}\nsteps: [{bash: x}]", "1:16", "expression-syntax"),
    ("dependencies in a root variable", "variables: {a: '$[dependencies.a.result]'}\nsteps: [{bash: x}]", "1:16", "expression-syntax"),
    ("stageDependencies in a stage's condition", "stages:\n- stage: a\n  condition: eq(stageDependencies.a.b.result, '')\n  jobs: []", "3:14", "expression-syntax"),
    ("wrong flag of a step", "steps:\n- bash: x\n  enabled: maybe", "3:12", "invalid-value"),
    ("wrong number", "steps:\n- bash: x\n  timeoutInMinutes: soon", "3:21", "invalid-value"),
    ("retries", "steps:\n- bash: x\n  retryCountOnTaskFailure: 11", "3:28", "invalid-value"),
    ("env as a list", "steps:\n- bash: x\n  env: [a]", "3:8", "invalid-type"),
    ("a list in env", "steps:\n- bash: x\n  env: {a: [b]}", "3:12", "invalid-type"),
    ("script as a list", "steps:\n- bash: [x]", "2:9", "invalid-type"),
    ("container", "jobs:\n- job: a\n  container: x\n  steps: [{bash: x}]", "3:3", "unsupported-key"),
    ("root container", "container: x\nsteps: [{bash: x}]", "1:1", "unsupported-key"),
    ("services", "jobs:\n- job: a\n  services: {}\n  steps: [{bash: x}]", "3:3", "unsupported-key"),
    ("server job", "jobs:\n- job: a\n  pool: server\n  steps: [{bash: x}]", "4:11", "server-task"),
    ("windows", "pool: {vmImage: windows-latest}\nsteps: [{bash: x}]", "1:17", "unsupported-image"),
    ("macos", "pool: {vmImage: macOS-14}\nsteps: [{bash: x}]", "1:17", "unsupported-image"),
    ("containers", "resources:\n  containers: []\nsteps: [{bash: x}]", "2:3", "unsupported-key"),
    ("variable group", "variables:\n- group: g\nsteps: [{bash: x}]", "2:3", "missing-group"),
    ("variable without a name", "variables:\n- value: x\nsteps: [{bash: x}]", "2:3", "missing-name"),
    ("variable that is a list", "variables: {a: [1]}\nsteps: [{bash: x}]", "1:16", "invalid-type"),
    ("stage trigger", "stages:\n- stage: a\n  trigger: manual\n  jobs: []", "3:3", "unsupported-key"),
    ("unknown dependency", "jobs:\n" + JOB + "- job: b\n  dependsOn: aa\n  steps: [{bash: x}]", "4:3", "unknown-dependency"),
    ("circle", "jobs:\n- job: a\n  dependsOn: b\n  steps: [{bash: x}]\n- job: b\n  dependsOn: a\n  steps: [{bash: x}]", "2:3", "dependency-cycle"),
    ("itself", "jobs:\n- job: a\n  dependsOn: a\n  steps: [{bash: x}]", "2:3", "dependency-cycle"),
    ("job twice", "jobs:\n" + JOB + JOB.replace("job: a", "job: A"), "4:3", "duplicate-job"),
    ("stage twice", "stages:\n- stage: a\n  jobs: [{job: x, steps: [{bash: x}]}]\n- stage: a\n  jobs: [{job: x, steps: [{bash: x}]}]", "4:3", "duplicate-stage"),
    ("stages in a circle", "stages:\n- stage: a\n  dependsOn: b\n  jobs: [{job: x, steps: [{bash: x}]}]\n- stage: b\n  jobs: [{job: x, steps: [{bash: x}]}]", "2:3", "dependency-cycle"),
    ("wrong name of a job", "jobs:\n- job: a b\n  steps: [{bash: x}]", "2:8", "invalid-name"),
    ("rolling", DEPLOY + "rolling: {}", "5:5", "unsupported-key"),
    ("no strategy", "jobs:\n- deployment: d\n  environment: e", "2:3", "missing-strategy"),
    ("two strategies", DEPLOY + "runOnce: {deploy: {steps: [{bash: x}]}}\n    canary: {deploy: {steps: [{bash: x}]}}", "5:5", "missing-strategy"),
    ("no environment", "jobs:\n- deployment: d\n  strategy: {runOnce: {deploy: {steps: [{bash: x}]}}}", "2:3", "missing-environment"),
    ("environment known too late", DEPLOY.replace("environment: e", "environment: $(e)") + "runOnce: {deploy: {steps: [{bash: x}]}}", "2:3", "unresolved-macro"),
    ("environment resource", DEPLOY.replace("environment: e", "environment: e.vm") + "runOnce: {deploy: {steps: [{bash: x}]}}", "3:16", "unsupported-environment-resource"),
    ("no deploy", DEPLOY + "runOnce: {preDeploy: {steps: [{bash: x}]}}", "5:14", "missing-steps"),
    ("increments", DEPLOY + "canary: {increments: [10, 5], deploy: {steps: [{bash: x}]}}", "5:31", "invalid-increments"),
    ("increment of 100", DEPLOY + "canary: {increments: [100], deploy: {steps: [{bash: x}]}}", "5:27", "invalid-increments"),
    ("steps in a deployment", "jobs:\n- deployment: d\n  steps: []", "3:3", "unknown-key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "code"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_diagnostics(tmp_path: Path, text: str, place: str, code: str) -> None:
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(InvalidPipeline) as caught:
        load_pipeline(tmp_path / "p.yml", tmp_path)
    assert caught.value.code == code
    assert f"{caught.value.at.line}:{caught.value.at.column}" == place, caught.value
    assert "\n" not in str(caught.value)


OUTSIDE = [
    ("- task: AzureCLI@2\n  inputs: {azureSubscription: c, scriptType: bash, scriptPath: x}", "unknown-service-connection"),
    ("- checkout: other", "missing-repository"),
    ("- download: nope", "unknown-pipeline-resource"),
    ("- task: DownloadPipelineArtifact@2\n  inputs: {source: specific, pipeline: nope}", "unknown-pipeline-resource"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "code"), OUTSIDE)
def test_external_resources(tmp_path: Path, step: str, code: str) -> None:
    (tmp_path / "p.yml").write_text(f"steps:\n{step}")
    loaded = load_pipeline(tmp_path / "p.yml", tmp_path)
    with pytest.raises(InvalidPipeline) as caught:
        check_external_resources(loaded.pipeline, {"d": {}}, {})
    assert caught.value.code == code
    assert caught.value.at.line == 2


def test_the_legacy_resource_of_the_repository_itself(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("resources: [{repo: self, clean: true}]\nsteps: [{bash: x}]")
    assert load_pipeline(tmp_path / "p.yml", tmp_path).pipeline.resources == ()


def test_keys_without_effect_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("""
name: x
trigger: {branches: {include: [main]}, paths: {exclude: [docs]}}
pr: none
schedules: [{cron: "0 0 * * *", branches: {include: [main]}}]
resources: {pipelines: [{pipeline: p, source: q, trigger: true}]}
lockBehavior: sequential
pool: {name: own, demands: [a]}
variables: [{name: a, value: b, readonly: true}, {group: g}]
stages:
- stage: s
  displayName: S
  pool: {vmImage: ubuntu-24.04}
  lockBehavior: runLatest
  templateContext: {x: y}
  dependsOn: []
  jobs:
  - job:
    displayName: J
    pool: own
    workspace: {clean: all}
    timeoutInMinutes: 0
    cancelTimeoutInMinutes: 1
    continueOnError: false
    steps:
    - checkout: self
      clean: true
      fetchDepth: 0
      fetchFilter: blob:none
      persistCredentials: true
    - script: x
      workingDirectory: y
      failOnStderr: false
    - task: bash@3
      inputs: {targetType: Inline, script: x}
  - deployment:
    environment: {name: e}
    strategy: {runOnce: {deploy: {pool: {vmImage: ubuntu-latest}, steps: [{download: none}]}}}
""")
    loaded = load_pipeline(tmp_path / "p.yml", tmp_path, groups={"G": {"x": "y"}})
    job, deployment = loaded.pipeline.stages[0].jobs
    assert (job.name, job.display, job.timeout, deployment.name) == (
        "Job1",
        "J",
        None,
        "Deployment2",
    )
    assert [step.task for step in job.steps] == ["checkout", "CmdLine@2", "Bash@3"]
    assert [variable.name for variable in loaded.pipeline.variables] == ["a", "x"]
    assert deployment.environment == "e"


# Typical public pipelines: the first unsupported feature is reported with its position.
PUBLISHED = {
    "dotnet": (
        """
trigger:
- main
pool:
  vmImage: ubuntu-latest
variables:
  solution: '**/*.sln'
  buildConfiguration: Release
steps:
- task: NuGetToolInstaller@1
- task: NuGetCommand@2
  inputs:
    restoreSolution: $(solution)
""",
        "10:9",
        "unsupported-task",
    ),
    "web app": (
        """
stages:
- stage: Build
  jobs:
  - job: Build
    steps:
    - script: npm ci && npm run build
    - publish: dist
      artifact: drop
- stage: Deploy
  dependsOn: Build
  condition: and(succeeded(), eq(variables['Build.SourceBranch'], 'refs/heads/main'))
  jobs:
  - deployment: Deploy
    environment: production
    strategy:
      runOnce:
        deploy:
          steps:
          - task: AzureWebApp@1
            inputs: {azureSubscription: conn, appName: app, package: $(Pipeline.Workspace)/drop}
""",
        "20:19",
        "unsupported-task",
    ),
    "shared templates": (
        """
resources:
  repositories:
  - repository: templates
    type: git
    name: Shared/templates
extends:
  template: main.yml@templates
""",
        "8:13",
        "missing-repository",
    ),
    "kubernetes": (
        """
jobs:
- deployment: web
  environment: staging.bookings
  pool: {name: pool}
  strategy:
    rolling:
      maxParallel: 2
      deploy: {steps: [{script: echo}]}
""",
        "4:16",
        "unsupported-environment-resource",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_public_pipelines_with_unsupported_features(tmp_path: Path, name: str) -> None:
    text, place, code = PUBLISHED[name]
    (tmp_path / "p.yml").write_text("# as published\n" + text[1:])
    with pytest.raises(InvalidPipeline) as caught:
        load_pipeline(tmp_path / "p.yml", tmp_path)
    assert caught.value.code == code
    assert f"{caught.value.at.line}:{caught.value.at.column}" == place, caught.value
