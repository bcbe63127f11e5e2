"""AzureCLI tasks: configuration directory, service connections with macros, unknown inputs."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import Decision, InvalidPipeline, RunResult, resume_pipeline
from pipelines_local.cli import main

pytestmark = pytest.mark.functional

CONNECTION = {"service_connections": {"c": {"WHERE": "there"}}}
SET = "az() { mkdir -p $AZURE_CONFIG_DIR; echo $2 > $AZURE_CONFIG_DIR/config; }; az configure --defaults"
GET = "az() { cat $AZURE_CONFIG_DIR/config; }; az ml"


def step(script: str, task: str = "AzureCLI@2", **inputs: str) -> str:
    more = "".join(f"    {name}: {value}\n" for name, value in inputs.items())
    kind = "" if task == "AzureCLI@1" else "    scriptType: bash\n"
    return (
        f"- task: {task}\n  inputs:\n    azureSubscription: c\n{kind}"
        f"    scriptLocation: inlineScript\n    inlineScript: {json.dumps(script)}\n{more}"
    )


def codes(result: RunResult) -> list[str]:
    return result.stages[0].jobs[0].issues.codes


def test_each_step_has_its_own_config_dir_which_is_deleted(run: Any) -> None:
    result = run("steps:\n" + step("echo dir $AZURE_CONFIG_DIR") * 2, **CONNECTION)
    paths = [line[4:] for line in result.stages[0].jobs[0].log if line.startswith("dir ")]
    assert len(set(paths)) == 2
    assert all("/_temp/.azclitask-" in path and not Path(path).exists() for path in paths)


@pytest.mark.parametrize("task", ["AzureCLI@1", "AzureCLI@2", "AzureCLI@3"])
def test_defaults_do_not_reach_the_next_step(run: Any, task: str) -> None:
    text = "steps:\n" + step(SET, task) + step(GET, task)
    result = run(text, **CONNECTION)
    assert result.result == "Failed"
    assert codes(result) == ["az-config-not-shared", "exit-code"]


def test_the_option_restores_the_old_behavior(run: Any) -> None:
    text = "steps:\n" + step(SET) + step(GET)
    result = run(text, shared_az_config=True, **CONNECTION)
    assert (result.result, codes(result)) == ("Succeeded", [])
    assert result.stages[0].jobs[0].log[-1] == "--defaults"


def test_the_global_configuration_is_that_of_the_user(run: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AZURE_CONFIG_DIR", "/of/the/user")
    text = "steps:\n" + step("echo $AZURE_CONFIG_DIR $WHERE", useGlobalConfig="true")
    assert run(text, **CONNECTION).stages[0].jobs[0].log[-1] == "/of/the/user there"


def test_a_failure_without_lost_defaults_has_no_hint(run: Any) -> None:
    assert codes(run("steps:\n" + step("exit 3"), **CONNECTION)) == ["exit-code"]


MACROS = """
variables: {NAME: c, ENV: prod}
stages:
- stage: s
  variables: {ENV: test}
  jobs:
  - deployment: d
    environment: $(ENV)-$(SUFFIX)
    strategy:
      runOnce:
        deploy:
          steps:
          - task: AzureCLI@2
            inputs: {azureSubscription: $(NAME), scriptType: bash, scriptLocation: inlineScript, inlineScript: echo $WHERE $(Environment.Name)}
"""


def test_macros_in_service_connection_and_environment(run: Any, tmp_path: Path) -> None:
    waiting = run(MACROS, variables={"SUFFIX": "1"}, **CONNECTION)
    assert waiting.waiting == [{"stage": "s", "environment": "test-1"}]
    approvals = {"test-1": Decision("approve", "ann")}
    result = resume_pipeline(
        waiting.run, work_dir=tmp_path / "work", approvals=approvals, **CONNECTION
    )
    assert result.stages[0].jobs[0].log[-1] == "there test-1"


def test_a_macro_that_is_not_known_before_the_run(run: Any) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        run(MACROS, **CONNECTION)
    assert caught.value.code == "unresolved-macro"
    with pytest.raises(InvalidPipeline) as caught:
        run("steps:\n" + step("x").replace("azureSubscription: c", "azureSubscription: $(N)"))
    assert caught.value.code == "unresolved-macro"
    with pytest.raises(InvalidPipeline) as caught:
        run("variables: {N: other}\nsteps:\n" + step("x").replace("n: c", "n: $(N)"), **CONNECTION)
    assert caught.value.code == "unknown-service-connection"


def test_an_unknown_input_is_a_warning(run: Any, capsys: Any) -> None:
    text = "steps:\n" + step("echo hi", continueOnError="true")
    result = run(text, **CONNECTION)
    assert result.result == "Succeeded"
    warning = result.to_dict()["warnings"][0]
    assert (warning["code"], warning["severity"]) == ("unknown-input", "warning")
    assert warning["at"].endswith(":8:22")
    path = os.fspath(result.pipeline)
    assert main(["validate", path, "--format", "json"]) == 0
    assert [w["code"] for w in json.loads(capsys.readouterr().out)["warnings"]] == ["unknown-input"]
    work = os.fspath(result.folder.parent)
    assert main(["run", path, "--service-connection", "c", "--work-dir", work]) == 0
    assert "[unknown-input]" in capsys.readouterr().out


def test_a_known_input_that_is_not_implemented_is_an_error(run: Any) -> None:
    text = "steps:\n- task: DownloadPipelineArtifact@2\n  inputs: {tags: x}"
    with pytest.raises(InvalidPipeline) as caught:
        run(text)
    assert caught.value.code == "unsupported-input"


def test_the_az_of_a_local_workspace_is_on_the_path_of_its_steps_only(
    run: Any, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "az"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho local $1\n")
    program.chmod(0o700)
    connections = {"c": {"AZUREML_LOCAL_BIN": str(program.parent)}}
    text = "steps:\n" + step("az version") + "- bash: command -v az || echo none\n"
    log = run(text, service_connections=connections).stages[0].jobs[0].log
    assert "local version" in log
    assert str(program) not in log


def test_the_az_of_a_local_workspace_comes_before_an_installed_one(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public pipelines install azure-cli with pip; its az would call Azure."""
    for name in ("bin", "installed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "az").write_text(f"#!/bin/sh\necho {name} $1\n")
        (tmp_path / name / "az").chmod(0o700)
    monkeypatch.setenv("AZUREML_LOCAL_BIN", str(tmp_path / "bin"))
    text = f"steps:\n- bash: echo '##vso[task.prependpath]{tmp_path / 'installed'}'\n"
    text += step("az version")
    for variables, line in (({}, "bin version"), ({"AZURE_X": "1"}, "installed version")):
        result = run(text, service_connections={"c": variables})
        assert result.stages[0].jobs[0].log[-1] == line


@pytest.mark.parametrize(
    ("options", "inputs", "variables", "login"),
    [
        ({}, {}, {}, r"h;login=[0-9a-f]{32},\d+\.\d{3},600\.000"),
        ({"id_token_seconds": 3}, {}, {}, r"h;login=[0-9a-f]{32},\d+\.\d{3},3\.000"),
        ({"id_token_seconds": 0}, {}, {}, "h"),
        ({}, {"keepAzSessionActive": "true"}, {}, "h"),
        ({}, {}, {"AZUREML_LOCAL_BIN": None}, "h"),
    ],
)
def test_the_login_of_a_step_in_a_local_workspace(
    run: Any, tmp_path: Path, options: Any, inputs: Any, variables: Any, login: str
) -> None:
    env = {"AZUREML_LOCAL_BIN": os.fspath(tmp_path), "IDENTITY_HEADER": "h"} | variables
    connections = {"c": {name: value for name, value in env.items() if value is not None}}
    text = "steps:\n" + step("echo $IDENTITY_HEADER", **inputs)
    log = run(text, service_connections=connections, **options).stages[0].jobs[0].log
    assert re.fullmatch(login, log[-1])


def test_the_lifetime_of_the_id_token_is_not_negative(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("steps: [{bash: x}]")
    assert main(["run", os.fspath(tmp_path / "p.yml"), "--id-token-seconds", "-1"]) == 2


@pytest.mark.parametrize(
    ("variables", "code"),
    [([], "unresolved-macro"), (["-v", "NAME=other"], "unknown-service-connection")],
)
def test_a_macro_as_the_name_of_a_service_connection_is_no_internal_error(
    tmp_path: Path, capsys: Any, variables: list[str], code: str
) -> None:
    path = tmp_path / "p.yml"
    path.write_text(
        "steps:\n" + step("x").replace("azureSubscription: c", "azureSubscription: $(NAME)")
    )
    argv = ["run", os.fspath(path), "--service-connection", "$(NAME)", "--format", "json"]
    assert main([*argv, *variables]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == code


@pytest.mark.parametrize(
    ("inputs", "more", "values"),
    [
        ({}, {}, "[] []"),
        ({"addSpnToEnvironment": "true"}, {}, "[local] [00000000-0000-0000-0000-000000000000]"),
        ({"addSpnToEnvironment": "true"}, {"idToken": "own"}, "[own] [00000000-0000-0000-0000-000000000000]"),
    ],
)  # fmt: skip
def test_the_identity_of_a_step_in_a_local_workspace(
    run: Any, tmp_path: Path, inputs: Any, more: Any, values: str
) -> None:
    connections = {"c": {"AZUREML_LOCAL_BIN": os.fspath(tmp_path), **more}, "d": {}}
    script = "echo [$idToken] [$servicePrincipalId]; echo $AZURESUBSCRIPTION_CLIENT_ID"
    text = (
        "steps:\n"
        + step(script, **inputs)
        + step(script).replace("azureSubscription: c", "azureSubscription: d")
    )
    log = run(text, service_connections=connections).stages[0].jobs[0].log
    assert log[-4:] == [values, "00000000-0000-0000-0000-000000000000", "[] []", ""]
