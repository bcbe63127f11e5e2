"""Warnings about what works on this machine and fails on Azure."""

import textwrap
from pathlib import Path

import pytest

from pipelines_local.errors import Diagnostic
from pipelines_local.load import load_pipeline

ROOT = Path(__file__).parents[3]


def warnings(path: Path, text: str) -> list[Diagnostic]:
    for name in ("bad.yml", "assets/bad.yml"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("name: not/good\n")
    (path / "p.yml").write_text(text)
    return list(load_pipeline(path / "p.yml", path).warnings)


def cli(script: str, more: str = "", step: str = "") -> str:
    inputs = f"azureSubscription: c, scriptType: bash, scriptLocation: inlineScript, inlineScript: '{script}'{more}"
    return f"- task: AzureCLI@2\n  inputs: {{{inputs}}}\n{step}"


def indent(text: str) -> str:
    return textwrap.indent(text, "  ")


STEP = "steps:\n"
SHORT = cli("az ml job show -n x")
DEPLOYMENT = """
jobs:
- deployment: D
  environment: e
  strategy: {runOnce: {deploy: {steps: [{bash: x}]}}}
- job: j
  dependsOn: D
  condition: eq(dependencies.D.outputs['%ss.v'], 'x')
  steps: [{bash: x}]
"""
OTHER_STAGE = """
stages:
- stage: a
  jobs:
  - deployment: D
    environment: e
    strategy: {runOnce: {deploy: {steps: [{bash: x}]}}}
- stage: b
  variables: {v: "$[ stageDependencies.a.D.outputs['%ss.v'] ]"}
  jobs: [{job: j, steps: [{bash: x}]}]
"""
PUBLISH = "- task: PublishTestResults@2\n"
LONG_JOB = "jobs:\n- job: j\n  timeoutInMinutes: 360\n  steps:\n"
HOSTED = "pool: {vmImage: ubuntu-latest}\n"
KEEP = ", keepAzSessionActive: true"
CASES = [
    ("a short step", STEP + SHORT, []),
    ("a long job", LONG_JOB + indent(cli("python train.py")), ["az-session-expires"]),
    ("a long job with a script file", LONG_JOB + indent(cli("").replace("inlineScript, inlineScript: ''", "scriptPath, scriptPath: x.sh")), ["az-session-expires"]),
    ("a short step of a long job", LONG_JOB + indent(SHORT), []),
    ("short commands of a long job", LONG_JOB + indent(cli("set -e\n\n      x=$(az ml model list --query [0] | tr -d x); if [[ -z $x ]]; then python -m pip install y; fi")), []),
    ("a command in a substitution", LONG_JOB + indent(cli("x=$(python train.py)")), ["az-session-expires"]),
    ("a loop that waits", STEP + cli("while true; do az ml job show -n x; sleep 30; done"), ["az-session-expires"]),
    ("a short sleep", STEP + cli("sleep 5"), []),
    ("a long step", STEP + cli("x", step="  timeoutInMinutes: 30\n"), ["az-session-expires"]),
    ("a streamed job", STEP + cli("az ml job create -f x.yml --stream"), ["az-session-expires"]),
    ("a session that is kept active", STEP + cli("az ml job create --stream", ", keepAzSessionActive: true"), []),
    ("az configure and az", STEP + cli("az configure --defaults workspace=w") + SHORT, ["az-config-not-shared"]),
    ("az configure and no az", STEP + cli("az configure --defaults workspace=w") + cli("echo"), []),
    ("az configure with the global configuration", STEP + cli("az configure -d x", ", useGlobalConfig: true") + SHORT, []),
    ("tests without a decision", STEP + "- task: PublishTestResults@2", ["failed-tests-ignored"]),
    ("tests that fail their step", STEP + "- bash: pip install pytest; python -m pytest\n" + PUBLISH, []),
    ("tests before another command", STEP + "- bash: |\n    pytest\n    echo done\n" + PUBLISH, ["failed-tests-ignored"]),
    ("tests before another command with set -e", STEP + "- bash: |\n    set -eu\n    pytest\n    echo done\n" + PUBLISH, []),
    ("tests of a step that continues", STEP + "- bash: pytest\n  continueOnError: true\n" + PUBLISH, ["failed-tests-ignored"]),
    ("tests whose failure is ignored", STEP + "- bash: pytest || true\n" + PUBLISH, ["failed-tests-ignored"]),
    ("lint results that are ignored", STEP + "- bash: flake8 --exit-zero\n- bash: pytest\n" + PUBLISH, ["failed-tests-ignored"]),
    ("tests with a decision", STEP + "- task: PublishTestResults@2\n  inputs: {failTaskOnFailedTests: false}", []),
    ("an output of a deployment", DEPLOYMENT % "", ["deployment-output"]),
    ("an output of a step without a name", "steps: [{bash: 'echo \"##vso[task.setvariable isOutput=true;variable=v]x\"'}]", ["output-without-name"]),
    ("an output of a step with a name", "steps: [{bash: 'echo \"##vso[task.setvariable variable=v;isOutput=true]x\"', name: s}]", []),
    ("a variable of a step without a name", "steps: [{bash: 'echo \"##vso[task.setvariable variable=v]x\"'}]", []),
    ("the right output of a deployment", DEPLOYMENT % "D.", []),
    ("Python 3.7", "pool: {vmImage: ubuntu-latest}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.7'}", ["missing-python"]),
    ("Python 3.7 on an older image", "pool: {vmImage: ubuntu-22.04}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.7'}", []),
    ("Python 3.10", "pool: {vmImage: ubuntu-latest}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.10'}", []),
    ("an endpoint name", STEP + cli("az ml online-endpoint create --name my-", ", keepAzSessionActive: true"), ["endpoint-name"]),
    ("a good endpoint name", STEP + cli("az ml batch-endpoint create -n my-1", ", keepAzSessionActive: true"), []),
    ("an asset name", STEP + cli("az ml model create -f m.yml --name my/model"), ["asset-name"]),
    ("an asset name of a variable", STEP + cli("az ml model create --name $(NAME)"), []),
    ("a name in a file", STEP + cli("az ml online-endpoint create -f $(Build.SourcesDirectory)/bad.yml", KEEP), ["endpoint-name"]),
    ("a name in a file of the working directory", STEP + cli("az ml environment create --file bad.yml", ", workingDirectory: assets"), ["asset-name"]),
    ("a name that replaces that of the file", STEP + cli("az ml online-endpoint create -n good -f bad.yml"), []),
    ("a file that is not there", STEP + cli("az ml online-endpoint create -f missing.yml"), []),
    ("a name in a variable with a value", "variables: {NAME: my-}\n" + STEP + cli("az ml online-endpoint create -n $(NAME)"), ["endpoint-name"]),
    ("a name in a variable of bash", STEP + cli("az ml online-endpoint create -n $NAME-"), []),
    ("a continued command", STEP + cli("az ml compute create \\\n\n      --type amlcompute \\\n\n      --name cpu-"), ["compute-name"]),
    ("a commented command", STEP + cli("# az ml model create --name my/model"), []),
    ("a deployment name", STEP + cli("az ml batch-deployment create -n x_1"), ["endpoint-name"]),
    ("one endpoint in two workspaces", STEP + cli("az ml online-endpoint create -n end1 -w dev") + cli("az ml online-endpoint create -n end1 -w prod"), ["endpoint-not-unique"]),
    ("one endpoint with two connections", STEP + cli("az ml online-endpoint create -n end1") + cli("az ml batch-endpoint create -n END1").replace("azureSubscription: c", "azureSubscription: d"), ["endpoint-not-unique"]),
    ("one endpoint twice", STEP + cli("az ml online-endpoint create -n end1 -w dev") * 2, []),
    ("two endpoints", STEP + cli("az ml online-endpoint create -n end1 -w dev") + cli("az ml online-endpoint create -n end2 -w prod"), []),
    ("an image that is retired", "pool: {vmImage: ubuntu-20.04}\nsteps: [{bash: x}]", ["retired-image"]),
    ("an image in a variable", "variables: {i: ubuntu-18.04}\npool: {vmImage: $(i)}\nsteps: [{bash: x}]", ["retired-image"]),
    ("Python 3.6 on ubuntu-22.04", "pool: {vmImage: ubuntu-22.04}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: 3.6.x}", ["missing-python"]),
    ("a Python in a variable", HOSTED + "variables: {v: '3.7'}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: $(v)}", ["missing-python"]),
    ("any Python 3", HOSTED + "steps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: 3.x}", []),
    ("git without history", "steps: [{bash: git describe --tags}]", ["shallow-fetch"]),
    ("git with history", "steps: [{checkout: self, fetchDepth: 0}, {bash: git describe --tags}]", []),
    ("git that fetches", "steps: [{bash: 'git fetch --unshallow; git describe'}]", []),
    ("git without need of history", "steps: [{bash: 'git log -1; git diff; git rev-parse HEAD'}]", []),
    ("git in a deployment", "jobs:\n- deployment: d\n  environment: e\n  strategy: {runOnce: {deploy: {steps: [{bash: git describe}]}}}", []),
    ("az ml without the extension", HOSTED + STEP + SHORT + SHORT, ["az-extension-missing"]),
    ("az ml with the extension", HOSTED + STEP + cli("az extension add -n ml -y") + SHORT, []),
    ("az ml with a dynamic installation", HOSTED + STEP + cli("az config set extension.use_dynamic_install=yes_without_prompt\n\n      az ml job list"), []),
    ("az ml after a script that is not known", HOSTED + STEP + cli("").replace("inlineScript, inlineScript: ''", "scriptPath, scriptPath: x.sh") + SHORT, []),
    ("az ml on an own agent", "pool: mine\n" + STEP + SHORT, []),
    ("az ml in a script", HOSTED + STEP + "- bash: az extension add -n ml; az ml job list\n", ["az-not-logged-in"]),
    ("az ml in a script after a login", HOSTED + STEP + "- bash: az extension add -n ml; az login --identity; az ml job list\n", []),
    ("other commands of az in a script", HOSTED + STEP + "- bash: az version\n", []),
    ("a disabled step", HOSTED + STEP + SHORT + "  enabled: false\n", []),
    ("a step whose condition is false", "variables: {kind: batch}\n" + HOSTED + STEP + SHORT + "  condition: and(succeeded(), eq(variables.kind, 'online'))\n", []),
    ("a step whose condition depends on the run", HOSTED + STEP + SHORT + "  condition: eq(variables['x'], 'y')\n", ["az-extension-missing"]),
    ("an output of a deployment in another stage", OTHER_STAGE % "", ["deployment-output"]),
    ("the right output of a deployment in another stage", OTHER_STAGE % "D.", []),
    ("a matrix from an output of a deployment", DEPLOYMENT.replace("condition: eq(dependencies.D.outputs['%ss.v'], 'x')", "strategy: {matrix: \"$[ dependencies.D.outputs['s.v'] ]\"}"), ["deployment-output"]),
    ("a created deployment", STEP + cli("az ml online-deployment create -f d.yml", KEEP), ["deployment-quota"]),
    ("an updated deployment", STEP + cli("az ml online-deployment update -n d", ", keepAzSessionActive: true"), ["deployment-quota"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codes"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_warnings(tmp_path: Path, text: str, codes: list[str]) -> None:
    results = warnings(tmp_path, text)
    assert [warning.code for warning in results] == codes
    for warning in results:
        assert warning.severity == "warning"
        assert warning.source.startswith("https://")
        assert warning.fix


@pytest.mark.parametrize("path", sorted((ROOT / ".ado").glob("*.yml")), ids=lambda path: path.stem)
def test_our_own_pipelines_have_no_warnings(path: Path) -> None:
    assert load_pipeline(path, ROOT).warnings == ()


def test_our_release_would_fail_without_an_active_session(tmp_path: Path) -> None:
    for path in (ROOT / ".ado").rglob("*.yml"):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        target.write_text(text.replace("keepAzSessionActive: true", ""), encoding="utf-8")
    pipeline = tmp_path / ".ado" / "mlops-deploy-prod-ct-cd-pipeline.yml"
    codes = [warning.code for warning in load_pipeline(pipeline, tmp_path).warnings]
    assert set(codes) == {"az-session-expires"}
