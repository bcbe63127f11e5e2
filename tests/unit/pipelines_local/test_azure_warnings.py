"""Warnings about what works on this machine and fails on Azure."""

from pathlib import Path

import pytest

from pipelines_local.errors import Diagnostic
from pipelines_local.load import load_pipeline

ROOT = Path(__file__).parents[3]


def warnings(path: Path, text: str) -> list[Diagnostic]:
    (path / "p.yml").write_text(text)
    return list(load_pipeline(path / "p.yml", path).warnings)


def cli(script: str, more: str = "", step: str = "") -> str:
    inputs = f"azureSubscription: c, scriptType: bash, scriptLocation: inlineScript, inlineScript: '{script}'{more}"
    return f"- task: AzureCLI@2\n  inputs: {{{inputs}}}\n{step}"


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
CASES = [
    ("a short step", STEP + SHORT, []),
    ("a long job", f"jobs:\n- job: j\n  timeoutInMinutes: 360\n  steps:\n  - bash: x\n  {SHORT.replace(chr(10), chr(10) + '  ')}", ["az-session-expires"]),
    ("a long step", STEP + cli("x", step="  timeoutInMinutes: 30\n"), ["az-session-expires"]),
    ("a streamed job", STEP + cli("az ml job create -f x.yml --stream"), ["az-session-expires"]),
    ("a session that is kept active", STEP + cli("az ml job create --stream", ", keepAzSessionActive: true"), []),
    ("az configure and az", STEP + cli("az configure --defaults workspace=w") + SHORT, ["az-config-not-shared"]),
    ("az configure and no az", STEP + cli("az configure --defaults workspace=w") + cli("echo"), []),
    ("az configure with the global configuration", STEP + cli("az configure -d x", ", useGlobalConfig: true") + SHORT, []),
    ("tests without a decision", STEP + "- task: PublishTestResults@2", ["failed-tests-ignored"]),
    ("tests with a decision", STEP + "- task: PublishTestResults@2\n  inputs: {failTaskOnFailedTests: false}", []),
    ("an output of a deployment", DEPLOYMENT % "", ["deployment-output"]),
    ("the right output of a deployment", DEPLOYMENT % "D.", []),
    ("Python 3.7", "pool: {vmImage: ubuntu-latest}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.7'}", ["missing-python"]),
    ("Python 3.7 on an older image", "pool: {vmImage: ubuntu-22.04}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.7'}", []),
    ("Python 3.10", "pool: {vmImage: ubuntu-latest}\nsteps:\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.10'}", []),
    ("an endpoint name", STEP + cli("az ml online-endpoint create --name my-", ", keepAzSessionActive: true"), ["endpoint-name"]),
    ("a good endpoint name", STEP + cli("az ml batch-endpoint create -n my-1", ", keepAzSessionActive: true"), []),
    ("an asset name", STEP + cli("az ml model create -f m.yml --name my/model"), ["asset-name"]),
    ("an asset name of a variable", STEP + cli("az ml model create --name $(NAME)"), []),
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
