"""What the agent of Azure Pipelines does with variables, scripts and folders of a job."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import Decision, InvalidPipeline, RunResult, UsageError, resume_pipeline
from pipelines_local.events import Event, JobFinished, StageFinished, StepFinished
from pipelines_local.tasks.adapters import ADAPTERS

pytestmark = pytest.mark.functional


def log(result: RunResult, job: str = "Job") -> list[str]:
    lines = next(actual.log for _, actual in result.jobs() if actual.job == job)
    return [line for line in lines if not line.startswith(("Checked out ", "Downloaded "))]


def codes(result: RunResult) -> list[str]:
    return [code for _, job in result.jobs() for code in job.issues.codes]


def test_a_variable_that_contains_a_secret_is_secret(run: Any) -> None:
    text = """
variables: {OUTER: '<$(CONN)>', CONN: 'pwd=$(API_KEY)', PLAIN: x}
steps:
- bash: |
    echo "[$CONN] [$OUTER] [$PLAIN]"
    echo '$(CONN)' | tr a-z A-Z
    echo '$(OUTER)'
    echo "##vso[task.setvariable variable=CONN]later"
- bash: echo "[$CONN] later"
"""
    result = run(text, secrets={"API_KEY": "1234"})
    assert log(result) == ["[] [] [x]", "PWD=***", "***", "[] ***"]


def test_a_macro_with_blanks_is_a_command_of_bash(run: Any) -> None:
    text = "variables: {name: x, nested: '<$( name )>'}\nsteps:\n- bash: echo [$(name)] [$( name )] '$(nested)'"
    assert log(run(text))[-1] == "[x] [] <$( name )>"


HOOKS = """
jobs:
- deployment: D
  environment: e
  variables: {mine: first}
  strategy:
    runOnce:
      preDeploy:
        steps:
        - checkout: self
        - bash: |
            test -f $(Build.SourcesDirectory)/p.yml && touch $(Pipeline.Workspace)/left
            sleep 60 > /dev/null 2>&1 & echo $! > $(Agent.WorkFolder)/pid
            echo "##vso[task.setvariable variable=mine]changed"
            echo "##vso[task.setvariable variable=out;isOutput=true]from hook"
            echo "##vso[task.prependpath]/own/folder"
            echo "##vso[build.updatebuildnumber]7.1"
          name: s
        - bash: echo "$(mine) $(s.out)"
        - bash: "false"
          continueOnError: true
      deploy:
        steps:
        - checkout: self
        - bash: |
            ls $(Pipeline.Workspace) $(Build.SourcesDirectory)
            echo '$(mine) $(s.out) $(Build.BuildNumber) $(Agent.JobStatus)' "${PATH%%:*}"
            grep -aq sleep /proc/$(cat $(Agent.WorkFolder)/pid)/cmdline && echo alive
            true
- job: J
  dependsOn: D
  variables: {v: "$[ dependencies.D.outputs['D.s.out'] ]"}
  steps: [{bash: echo $(v)}]
"""


def test_a_hook_starts_without_files_and_variables_of_earlier_hooks(run: Any) -> None:
    result = run(HOOKS, approvals={"e": Decision("open")})
    lines = log(result, "D")
    assert lines[0] == "changed from hook"
    assert "left" not in lines
    assert "p.yml" in lines
    assert lines[-1].startswith("first $(s.out) 7.1 Succeeded ")  # not "alive"
    assert "/own/folder" not in lines[-1]
    assert log(result, "J") == ["from hook"]
    assert [job.result for _, job in result.jobs()] == ["SucceededWithIssues", "Succeeded"]


SHOW = "{bash: 'echo $(Build.SourcesDirectory) $(Build.Repository.LocalPath) $(System.DefaultWorkingDirectory) $PWD; ls p.yml'}"


@pytest.mark.parametrize(
    ("steps", "folders"),
    [
        ("[{checkout: self}, SHOW]", ["s", "s", "s", "s"]),
        ("[{checkout: self, path: a/b}, SHOW]", ["a/b", "a/b", "a/b", "a/b"]),
        ("[{checkout: none}, {checkout: self, path: app}, SHOW]", ["app", "app", "app", "app"]),
        ("[{checkout: self, path: app}, {checkout: tools}, SHOW]", ["s", "app", "s", "s"]),
        ("[{checkout: self}, {checkout: tools, path: t}, SHOW]", ["s", "s", "s", "s"]),
    ],
)  # fmt: skip
def test_the_path_of_the_only_checkout_is_the_folder_of_the_steps(
    run: Any, tmp_path: Path, steps: str, folders: list[str]
) -> None:
    (tmp_path / "tools").mkdir()
    text = "resources: {repositories: [{repository: tools, type: git, name: tools}]}\nsteps: "
    result = run(f"{text}{steps.replace('SHOW', SHOW)}", repositories={"tools": tmp_path / "tools"})
    lines = log(result)
    workspace = result.folder / "Job"
    expected = " ".join(str(workspace / name) for name in folders)
    assert expected in lines
    assert (result.result == "Succeeded") == ("tools" not in steps)


def test_a_checkout_outside_of_the_workspace(run: Any) -> None:
    assert codes(run("steps: [{checkout: self, path: ../../x}]")) == ["checkout-path"]


def test_a_download_task_stops_the_automatic_download(run: Any) -> None:
    text = """
jobs:
- job: J
  steps:
  - bash: echo 1 > one
  - {publish: one, artifact: one}
  - {publish: one, artifact: two}
- deployment: D
  dependsOn: J
  environment: e
  strategy:
    runOnce:
      deploy:
        steps:
        - task: DownloadPipelineArtifact@2
          inputs: {artifact: one, path: $(Pipeline.Workspace)/mine}
        - bash: cd $(Pipeline.Workspace); ls -d mine one two
"""
    result = run(text, approvals={"e": Decision("open")})
    assert [line for line in log(result, "D") if not line.startswith(("ls: ", "##"))] == ["mine"]


def test_a_list_is_an_empty_variable_and_no_matrix(run: Any) -> None:
    text = "variables: {v: \"$[ split('a,b', ',') ]\"}\nsteps: [{bash: 'echo [$(v)]'}]"
    assert log(run(text)) == ["[]"]
    text = "jobs: [{job: J, strategy: {matrix: \"$[ split('a,b', ',') ]\"}, steps: [{bash: x}]}]"
    result = run(text)
    assert (result.result, codes(result)) == ("Failed", ["matrix-value"])


def test_an_output_needs_a_step_with_a_name_and_is_read_only(run: Any) -> None:
    text = """
jobs:
- job: J
  steps:
  - bash: echo "##vso[task.setvariable variable=out1;isOutput=true]x"
  - bash: |
      echo "##vso[task.setvariable variable=v;isOutput=true]x"
      echo "##vso[task.setvariable variable=v;isOutput=true]y"
    name: s
  - bash: echo '$(out1) $(s.v)'
  - bash: echo "##vso[task.setvariable variable=s.v]z"
    continueOnError: true
  - bash: echo '$(s.v)'
- job: K
  dependsOn: J
  variables: {a: "$[ dependencies.J.outputs['out1'] ]", b: "$[ dependencies.J.outputs['s.v'] ]"}
  steps: [{bash: 'echo "[$(a)] [$(b)]"'}]
"""
    result = run(text)
    assert [line for line in log(result, "J") if not line.startswith("##")] == ["$(out1) y", "y"]
    assert codes(result) == ["output-without-name", "readonly-variable"]
    assert log(result, "K") == ["[] [y]"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", 1), ("Y", 1), ("on", 1), ("TRUE", 1), ("n", 0), ("Off", 0), ("no", 0), ("false", 0)],
)
def test_booleans_of_the_schema(run: Any, value: str, expected: int) -> None:
    step = f"continueOnError: {value}, failOnStderr: {value}"
    result = run(f"steps:\n- {{bash: echo x >&2, {step}}}\n- {{bash: exit 1, {step}}}")
    assert result.result == ("SucceededWithIssues" if expected else "Failed")
    assert codes(result) == (["stderr", "exit-code", "exit-code"] if expected else ["exit-code"])


def test_a_boolean_that_is_none(run: Any) -> None:
    for step in ("bash: x, continueOnError: maybe", "bash: x, enabled: 1"):
        with pytest.raises(InvalidPipeline) as caught:
            run(f"steps: [{{{step}}}]")
        assert caught.value.code == "invalid-value"
    with pytest.raises(InvalidPipeline) as caught:  # tasks read "yes" as false
        run("steps: [{task: CmdLine@2, inputs: {script: x, failOnStderr: yes}}]")
    assert caught.value.code == "invalid-value"


SHOW_ARGUMENTS = 'for arg in "$@"; do echo "<$arg>"; done\n'
FILE = "task: Bash@3, inputs: {filePath: s.sh"
AZURE_CLI = "task: AzureCLI@2, inputs: {azureSubscription: c, scriptType: bash, scriptLocation: scriptPath, scriptPath: s.sh"
PYTHON = "task: PythonScript@0, inputs: {scriptPath: s.py"


@pytest.mark.parametrize(
    ("step", "arguments", "expected"),
    [
        (FILE, "a 'b c' \"$WORD d\" s.*", ["<a>", "<b c>", "<x y d>", "<s.py>", "<s.sh>"]),
        (FILE, "$WORD", ["<x>", "<y>"]),
        (AZURE_CLI, "it's", ["<it's>"]),
        (AZURE_CLI, "a 'b c' \"$WORD d\"  s.*", ["<a>", "<'b>", "<c'>", "<$WORD d>", "<s.*>"]),
        (AZURE_CLI, r'"" a"b \"c\" \d"e \"f g" ', ["<>", r'<ab "c" \de>', r"<\f g>"]),
        (AZURE_CLI, r'"a\\" "b " "c ', [r"<a\\>", "<b >", "<c>"]),
        (PYTHON, "it's \"b c\"", ["<it's>", "<b c>"]),
        ("task: Bash@3, inputs: {targetType: inline, script: 'source s.sh'", "a", []),
        (AZURE_CLI, "", []),
    ],
)  # fmt: skip
def test_arguments_of_scripts(run: Any, step: str, arguments: str, expected: list[str]) -> None:
    quoted = arguments.replace("'", "''")
    result = run(
        f"variables: {{word: x y}}\nsteps: [{{{step}, arguments: '{quoted}'}}}}]",
        {"s.sh": SHOW_ARGUMENTS, "s.py": "import sys\nfor a in sys.argv[1:]: print(f'<{a}>')\n"},
        service_connections={"c": {}},
    )
    assert (result.result, log(result)) == ("Succeeded", expected)


def test_bash_arguments_with_a_syntax_error_fail_the_step(run: Any) -> None:
    result = run(f"steps: [{{{FILE}, arguments: it's}}}}]", {"s.sh": SHOW_ARGUMENTS})
    assert (result.result, codes(result)) == ("Failed", ["exit-code"])


def test_the_startup_file_of_bash(run: Any) -> None:
    inputs = (
        "{targetType: inline, script: echo $STARTED, bashEnvValue: $(Build.SourcesDirectory)/e}"
    )
    result = run(f"steps: [{{task: Bash@3, inputs: {inputs}}}]", {"e": "STARTED=yes\n"})
    assert log(result) == ["yes"]


def test_a_job_with_an_internal_error_is_failed(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(context: object) -> None:
        raise RuntimeError("a bug with 1234")

    monkeypatch.setitem(ADAPTERS, "CmdLine@2", fail)
    finished: dict[str, str] = {}

    class Results:
        def handle(self, event: Event) -> None:
            match event:
                case StepFinished(step=result) | JobFinished(job=result) | StageFinished(result):
                    finished[type(event).__name__] = result.result

    with pytest.raises(RuntimeError):
        run(
            "{steps: [{script: x}], continueOnError: true}",
            listener=Results(),
            secrets={"KEY": "1234"},
        )
    assert finished == dict.fromkeys(("StepFinished", "JobFinished", "StageFinished"), "Failed")
    document = json.loads(next(tmp_path.glob("work/*/run.json")).read_text())
    job = document["stages"][0]["jobs"][0]
    assert (document["result"], job["result"]) == ("Failed", "Failed")
    assert job["issues"]["codes"] == ["internal-error"]
    assert "1234" not in str(document)


RESUMED = """
stages:
- stage: a
  jobs:
  - job: J
    steps:
    - bash: |
        echo "##vso[task.setvariable variable=key;isOutput=true]$KEY"
        echo "##vso[task.setvariable variable=plain;isOutput=true]x"
      name: s
      env: {KEY: $(API_KEY)}
- stage: b
  condition: CONDITION
  variables: {v: "$[ VALUE ]"}
  jobs:
  - deployment: D
    environment: e
    strategy: {runOnce: {deploy: {steps: [{bash: 'echo [$(v)]'}]}}}
"""


@pytest.mark.parametrize(
    ("condition", "value", "reads"),
    [
        ("succeeded()", "stageDependencies.a.J.outputs['s.plain']", False),
        ("succeeded()", "stageDependencies.a.J.outputs['s.KEY']", True),
        ("succeeded()", "stageDependencies.a.J.outputs[format('s.{0}', 'key')]", True),
        ("succeeded()", "convertToJson(stageDependencies.a.J.outputs)", True),
        ("ne(dependencies.a.outputs['J.s.key'], '')", "variables.x", True),
    ],
)  # fmt: skip
def test_a_resumed_run_does_not_read_a_masked_output(
    run: Any, tmp_path: Path, condition: str, value: str, reads: bool
) -> None:
    text = RESUMED.replace("CONDITION", condition).replace("VALUE", value)
    waiting = run(text, secrets={"API_KEY": "1234"})
    assert waiting.result == "Waiting"

    def resume() -> RunResult:
        approvals = {"e": Decision("approve")}
        secrets = {"API_KEY": "1234"}
        return resume_pipeline(
            waiting.run, work_dir=tmp_path / "work", approvals=approvals, secrets=secrets
        )

    if reads:
        with pytest.raises(UsageError) as caught:
            resume()
        assert caught.value.code == "masked-output"
    else:
        assert log(resume(), "D")[-1] == "[x]"


def test_the_location_of_python_is_an_output_of_its_step(run: Any) -> None:
    text = "steps:\n- {task: UsePythonVersion@0, name: py}\n- task: UsePythonVersion@0\n- bash: echo '$(py.pythonLocation) $(pythonLocation)'"
    location, name = log(run(text))[-1].split(" ")
    assert Path(location).is_absolute()
    assert name == "$(pythonLocation)"
