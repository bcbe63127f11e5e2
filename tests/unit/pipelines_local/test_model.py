"""What is refused when a pipeline is read: by name, with the place, before anything runs."""

from pathlib import Path

import pytest

from pipelines_local import Refused
from pipelines_local.load import check_surroundings, load_pipeline

JOB = "- job: a\n  steps: [{bash: x}]\n"
DEPLOY = "jobs:\n- deployment: d\n  environment: e\n  strategy:\n    "
TASK = "steps:\n- task: {task}\n  inputs: {inputs}"

# name, the pipeline, place, part of the message
CASES: list[tuple[str, str, str, str]] = [
    ("nothing to do", "name: x", "1:1", "stages, jobs, steps"),
    ("two at once", "steps: [{bash: x}]\njobs: []", "1:1", "one of"),
    ("no steps", "steps: []", "1:1", "empty"),
    ("no stages", "stages: []", "1:1", "empty"),
    ("no jobs", "stages:\n- stage: a\n  jobs: []", "2:3", "no jobs"),
    ("a job without steps", "jobs:\n- job: a", "2:3", "no steps"),
    ("misspelt key", "jobs:\n- job: a\n  stepz: []", "3:3", "did you mean 'steps'"),
    ("misspelt root key", "stpes: []", "1:1", "did you mean 'steps'"),
    ("misspelt step key", "steps:\n- bash: x\n  displayname: y", "3:3", "did you mean 'displayName'"),
    ("upper-case key", "steps:\n- Bash: x", "2:3", "begins with one of"),
    ("not the first key", "steps:\n- displayName: x\n  bash: y", "3:3", "first key"),
    ("job not the first key", "jobs:\n- displayName: x\n  job: y", "3:3", "first key"),
    ("a step that is a text", "steps:\n- echo", "2:3", "mapping"),
    ("powershell", "steps:\n- powershell: x", "2:3", "'powershell' is not supported"),
    ("pwsh", "steps:\n- pwsh: x", "2:3", "'pwsh' is not supported"),
    ("getPackage", "steps:\n- getPackage: x", "2:3", "not supported"),
    ("an unknown task", "steps:\n- task: Docker@2", "2:9", "the task 'Docker@2' is not supported"),
    ("another version", "steps:\n- task: CopyFiles@1", "2:9", "CopyFiles@1"),
    ("a task without version", "steps:\n- task: CopyFiles", "2:9", "not supported"),
    ("the agent's own word as a task", "steps:\n- task: checkout", "2:9", "not supported"),
    ("unknown input", TASK.format(task="CopyFiles@2", inputs="{TargetFolder: x, Nope: y}"), "3:35", "'Nope'"),
    ("missing input", TASK.format(task="CopyFiles@2", inputs="{Contents: x}"), "2:3", "targetfolder"),
    ("wrong flag", TASK.format(task="CopyFiles@2", inputs="{TargetFolder: x, OverWrite: yes}"), "3:40", "true or false"),
    ("other format", TASK.format(task="PublishTestResults@2", inputs="{testResultsFormat: NUnit}"), "3:31", "NUnit is not supported"),
    ("other script type", TASK.format(task="AzureCLI@2", inputs="{azureSubscription: c, scriptType: ps, inlineScript: x}"), "3:46", "ps is not supported"),
    ("no script", TASK.format(task="AzureCLI@2", inputs="{azureSubscription: c, scriptType: bash}"), "2:3", "scriptPath"),
    ("Bash without a file", TASK.format(task="Bash@3", inputs="{script: x}"), "2:3", "filePath"),
    ("artifact share", TASK.format(task="PublishPipelineArtifact@1", inputs="{path: x, artifactType: filepath}"), "3:35", "not supported"),
    ("checkout of another", "steps:\n- checkout: other", "2:13", "only self and none"),
    ("submodules", "steps:\n- checkout: self\n  submodules: true", "2:13", "submodules"),
    ("target", "steps:\n- bash: x\n  target: host", "3:3", "'target' is not supported"),
    ("publish nothing", "steps:\n- publish:", "2:3", "path"),
    ("download nothing", "steps:\n- download:", "2:3", "current"),
    ("wrong name of a step", "steps:\n- bash: x\n  name: a-b", "3:9", "no name"),
    ("step name twice", "steps:\n- bash: x\n  name: a\n- bash: y\n  name: A", "4:3", "second step"),
    ("wrong condition", "steps:\n- bash: x\n  condition: eq(1", "3:14", "has no ')'"),
    ("macro in a condition", "steps:\n- bash: x\n  condition: eq($(x), 1)", "3:14", "unexpected symbol"),
    ("dependencies in a step's condition", "steps:\n- bash: x\n  condition: eq(dependencies.a.result, 1)", "3:14", "unrecognized value"),
    ("status function in a variable", "variables: {a: '$[succeeded()]'}\nsteps: [{bash: x}]", "1:16", "cannot be used"),
    ("dependencies in a root variable", "variables: {a: '$[dependencies.a.result]'}\nsteps: [{bash: x}]", "1:16", "unrecognized value"),
    ("stageDependencies in a stage's condition", "stages:\n- stage: a\n  condition: eq(stageDependencies.a.b.result, '')\n  jobs: []", "3:14", "unrecognized value"),
    ("wrong flag of a step", "steps:\n- bash: x\n  enabled: yes", "3:12", "true or false"),
    ("wrong number", "steps:\n- bash: x\n  timeoutInMinutes: soon", "3:21", "number"),
    ("retries", "steps:\n- bash: x\n  retryCountOnTaskFailure: 11", "3:28", "number"),
    ("env as a list", "steps:\n- bash: x\n  env: [a]", "3:8", "mapping"),
    ("a list in env", "steps:\n- bash: x\n  env: {a: [b]}", "3:12", "text"),
    ("script as a list", "steps:\n- bash: [x]", "2:9", "text"),
    ("matrix", "jobs:\n- job: a\n  strategy:\n    matrix: {x: {}}\n  steps: [{bash: x}]", "4:5", "'strategy: matrix' is not supported"),
    ("parallel", "jobs:\n- job: a\n  strategy:\n    parallel: 2\n  steps: [{bash: x}]", "4:5", "'strategy: parallel'"),
    ("container", "jobs:\n- job: a\n  container: x\n  steps: [{bash: x}]", "3:3", "'container' is not supported"),
    ("root container", "container: x\nsteps: [{bash: x}]", "1:1", "'container' is not supported"),
    ("services", "jobs:\n- job: a\n  services: {}\n  steps: [{bash: x}]", "3:3", "'services' is not supported"),
    ("server job", "jobs:\n- job: a\n  pool: server\n  steps: [{bash: x}]", "3:9", "server jobs"),
    ("windows", "pool: {vmImage: windows-latest}\nsteps: [{bash: x}]", "1:17", "windows-latest"),
    ("macos", "pool: {vmImage: macOS-14}\nsteps: [{bash: x}]", "1:17", "macOS-14"),
    ("other repositories", "resources:\n  repositories: []\nsteps: [{bash: x}]", "2:3", "'repositories' is not supported"),
    ("containers", "resources:\n  containers: []\nsteps: [{bash: x}]", "2:3", "'containers' is not supported"),
    ("variable group", "variables:\n- group: g\nsteps: [{bash: x}]", "2:3", "the variable group 'g' has no values"),
    ("variable without a name", "variables:\n- value: x\nsteps: [{bash: x}]", "2:3", "needs a name"),
    ("variable that is a list", "variables: {a: [1]}\nsteps: [{bash: x}]", "1:16", "text"),
    ("stage trigger", "stages:\n- stage: a\n  trigger: manual\n  jobs: []", "3:3", "'trigger' is not supported"),
    ("unknown dependency", "jobs:\n" + JOB + "- job: b\n  dependsOn: aa\n  steps: [{bash: x}]", "4:3", "did you mean 'a'"),
    ("circle", "jobs:\n- job: a\n  dependsOn: b\n  steps: [{bash: x}]\n- job: b\n  dependsOn: a\n  steps: [{bash: x}]", "2:3", "circle"),
    ("itself", "jobs:\n- job: a\n  dependsOn: a\n  steps: [{bash: x}]", "2:3", "circle"),
    ("job twice", "jobs:\n" + JOB + JOB.replace("job: a", "job: A"), "4:3", "second job"),
    ("stage twice", "stages:\n- stage: a\n  jobs: [{job: x, steps: [{bash: x}]}]\n- stage: a\n  jobs: [{job: x, steps: [{bash: x}]}]", "4:3", "second stage"),
    ("stages in a circle", "stages:\n- stage: a\n  dependsOn: b\n  jobs: [{job: x, steps: [{bash: x}]}]\n- stage: b\n  jobs: [{job: x, steps: [{bash: x}]}]", "2:3", "circle"),
    ("wrong name of a job", "jobs:\n- job: a b\n  steps: [{bash: x}]", "2:8", "no name"),
    ("rolling", DEPLOY + "rolling: {}", "5:5", "'rolling' is not supported"),
    ("no strategy", "jobs:\n- deployment: d\n  environment: e", "2:3", "needs a strategy"),
    ("two strategies", DEPLOY + "runOnce: {deploy: {steps: [{bash: x}]}}\n    canary: {deploy: {steps: [{bash: x}]}}", "5:5", "one of"),
    ("no environment", "jobs:\n- deployment: d\n  strategy: {runOnce: {deploy: {steps: [{bash: x}]}}}", "2:3", "environment"),
    ("environment known too late", DEPLOY.replace("environment: e", "environment: $(e)") + "runOnce: {deploy: {steps: [{bash: x}]}}", "3:16", "before the run"),
    ("environment resource", DEPLOY.replace("environment: e", "environment: e.vm") + "runOnce: {deploy: {steps: [{bash: x}]}}", "3:16", "resource"),
    ("no deploy", DEPLOY + "runOnce: {preDeploy: {steps: [{bash: x}]}}", "5:14", "'deploy'"),
    ("increments", DEPLOY + "canary: {increments: [10, 5], deploy: {steps: [{bash: x}]}}", "5:31", "grow"),
    ("increment of 100", DEPLOY + "canary: {increments: [100], deploy: {steps: [{bash: x}]}}", "5:27", "below 100"),
    ("steps in a deployment", "jobs:\n- deployment: d\n  steps: []", "3:3", "unexpected key 'steps'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "message"), [pytest.param(*c[1:], id=c[0]) for c in CASES]
)
def test_refused(tmp_path: Path, text: str, place: str, message: str) -> None:
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(Refused) as caught:
        load_pipeline(tmp_path / "p.yml", tmp_path)
    assert message in caught.value.message
    assert f"{caught.value.at.line}:{caught.value.at.column}" == place, caught.value
    assert "\n" not in str(caught.value)


OUTSIDE = [
    ("- task: AzureCLI@2\n  inputs: {azureSubscription: c, scriptType: bash, scriptPath: x}", "unknown service connection 'c' (known: d)"),
    ("- download: nope", "no such resource"),
    ("- task: DownloadPipelineArtifact@2\n  inputs: {source: specific, pipeline: nope}", "not among resources.pipelines"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "message"), OUTSIDE)
def test_what_a_pipeline_takes_from_outside(tmp_path: Path, step: str, message: str) -> None:
    (tmp_path / "p.yml").write_text(f"steps:\n{step}")
    loaded = load_pipeline(tmp_path / "p.yml", tmp_path)
    with pytest.raises(Refused) as caught:
        check_surroundings(loaded.pipeline, {"d": {}}, {})
    assert message in caught.value.message
    assert caught.value.at.line == 2


def test_everything_that_is_accepted(tmp_path: Path) -> None:
    """Keys that change nothing on one machine are read, and do not get in the way."""
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


# Of the kind that people publish: what is first out of reach is named where it stands.
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
        "the task 'NuGetToolInstaller@1' is not supported",
    ),
    "python matrix": (
        """
trigger: [main]
jobs:
- job: test
  pool: {vmImage: ubuntu-latest}
  strategy:
    matrix:
      py310: {python.version: '3.10'}
      py311: {python.version: '3.11'}
  steps:
  - task: UsePythonVersion@0
    inputs: {versionSpec: $(python.version)}
  - script: python -m pytest
""",
        "7:5",
        "'strategy: matrix' is not supported",
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
        "the task 'AzureWebApp@1' is not supported",
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
        "templates of other repositories are not supported",
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
        "the environment resource 'staging.bookings' is not supported",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_pipelines_outside_of_the_subset(tmp_path: Path, name: str) -> None:
    text, place, message = PUBLISHED[name]
    (tmp_path / "p.yml").write_text("# as published\n" + text[1:])
    with pytest.raises(Refused) as caught:
        load_pipeline(tmp_path / "p.yml", tmp_path)
    assert message in caught.value.message
    assert f"{caught.value.at.line}:{caught.value.at.column}" == place, caught.value
