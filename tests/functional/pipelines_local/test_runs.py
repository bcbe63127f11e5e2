"""Conditions, variables, outputs and results of runs."""

import re
from typing import Any

import pytest

from pipelines_local import Decision, RunResult

pytestmark = pytest.mark.functional

NOISE = re.compile("the condition|command not found")  # messages with a position
S, I, F, K, C = "Succeeded", "SucceededWithIssues", "Failed", "Skipped", "Canceled"  # noqa: E741


def results(result: RunResult) -> dict[str, str]:
    """The result of each job; ``stage.job`` where there are stages."""
    return {
        job.job if stage.stage == "__default" else f"{stage.stage}.{job.job}": job.result
        for stage, job in result.jobs()
    }


def log(result: RunResult, job: str = "Job") -> list[str]:
    """The lines of a job, without those of its checkout."""
    lines = next(j.log for s, j in result.jobs() if job in (j.job, f"{s.stage}.{j.job}"))
    return [line for line in lines if not line.startswith("Checked out ")]


# name, steps, the job's result, its log
STEP_CASES: list[tuple[str, str, str, list[str]]] = [
    ("script", "- script: echo a", S, ["a"]),
    ("bash", "- bash: echo a; echo b >&2", S, ["a", "b"]),
    ("several lines", "- bash: |\n    echo a\n    echo b", S, ["a", "b"]),
    ("no set -e", "- bash: |\n    false\n    echo on", S, ["on"]),
    ("exit code", "- bash: exit 3", F, ["##[error]Bash exited with code '3'."]),
    ("killed by a signal", "- bash: kill -9 $$", F, ["##[error]Bash exited with code '137'."]),
    ("the next is skipped", "- bash: exit 1\n- bash: echo no", F, ["##[error]Bash exited with code '1'."]),
    ("always", "- bash: exit 1\n- bash: echo yes\n  condition: always()", F, ["##[error]Bash exited with code '1'.", "yes"]),
    ("failed", "- bash: exit 1\n- bash: echo yes\n  condition: failed()", F, ["##[error]Bash exited with code '1'.", "yes"]),
    ("failed is false", "- bash: echo a\n- bash: echo no\n  condition: failed()", S, ["a"]),
    ("succeededOrFailed", "- bash: exit 1\n- bash: echo yes\n  condition: succeededOrFailed()", F, ["##[error]Bash exited with code '1'.", "yes"]),
    ("a condition replaces succeeded", "- bash: exit 1\n- bash: echo yes\n  condition: eq(1, 1)", F, ["##[error]Bash exited with code '1'.", "yes"]),
    ("condition false", "- bash: echo no\n  condition: false\n- bash: echo a", S, ["a"]),
    ("condition on a variable", "- bash: 'echo \"##vso[task.setvariable variable=v]x\"'\n- bash: echo yes\n  condition: and(succeeded(), eq(variables.v, 'X'))", S, ["yes"]),
    ("job status", "- bash: exit 1\n- bash: echo $(Agent.JobStatus) $AGENT_JOBSTATUS\n  condition: eq(variables['Agent.JobStatus'], 'Failed')", F, ["##[error]Bash exited with code '1'.", "Failed Failed"]),
    ("continueOnError", "- bash: exit 1\n  continueOnError: true\n- bash: echo on", I, ["##[error]Bash exited with code '1'.", "on"]),
    ("enabled", "- bash: exit 1\n  enabled: false\n- bash: echo on", S, ["on"]),
    ("setvariable", "- bash: 'echo \"##vso[task.setvariable variable=My.Var]x\"; echo \"[$(My.Var)]\" 2>/dev/null'\n- bash: echo $(my.var) $MY_VAR", S, ["[]", "x x"]),
    ("an output is step.var only", "- bash: 'echo \"##vso[task.setvariable variable=v;isOutput=true]x\"'\n  name: s\n- bash: echo \"$(s.v) $S_V '$(v)'\" 2>/dev/null", S, ["x x ''"]),
    ("an undefined macro is a command", "- bash: echo \"a$(echo run)b\"", S, ["arunb"]),
    (
        "macro in a macro",
        "- bash: |\n    echo '##vso[task.setvariable variable=a]1$(b)'\n    echo '##vso[task.setvariable variable=b]2'\n- bash: echo $(a)",
        S,
        ["12"],
    ),
    ("a circular variable is not expanded", "- bash: |\n    echo '##vso[task.setvariable variable=a]1$(b)'\n    echo '##vso[task.setvariable variable=b]2$(a)'\n- bash: echo '$(a) $(b)'", S, ["1$(b) 2$(a)"]),
    ("readonly", "- bash: 'echo \"##vso[task.setvariable variable=v;isReadOnly=true]x\"'\n- bash: 'echo \"##vso[task.setvariable variable=v]y\"'\n- bash: echo $(v)\n  condition: always()", F, ["##[error]the variable 'v' is read-only and cannot be overwritten", "x"]),
    ("system variables are readonly", "- bash: 'echo \"##vso[task.setvariable variable=Build.Reason]y\"'", F, ["##[error]the variable 'Build.Reason' is read-only and cannot be overwritten"]),
    ("logissue does not fail", "- bash: 'echo \"##vso[task.logissue type=error]bad\"; echo \"##vso[task.logissue type=warning]hm\"'", S, ["##[error]bad", "##[warning]hm"]),
    ("complete fails", "- bash: 'echo \"##vso[task.complete result=Failed;]done\"'", F, []),
    ("complete with issues", "- bash: 'echo \"##vso[task.complete result=SucceededWithIssues;]\"'", I, []),
    ("a non-zero exit wins", "- bash: 'echo \"##vso[task.complete result=Succeeded;]\"; exit 1'", F, ["##[error]Bash exited with code '1'."]),
    ("prependpath", "- bash: 'mkdir b; echo \"echo mine\" > b/foo; chmod +x b/foo; echo \"##vso[task.prependpath]$PWD/b\"'\n- bash: foo", S, ["mine"]),
    ("sections are text", "- bash: 'echo \"##[section]s\"; echo \"##[group]g\"; echo \"##[error]e\"'", S, ["##[section]s", "##[group]g", "##[error]e"]),
    ("an unknown command", "- bash: 'echo \"##vso[no.such]x\"'", S, ["##[warning]the logging command 'no.such' is not supported", "##vso[no.such]x"]),
    ("no command at all", "- bash: 'echo \"##vso[broken\"'", S, ["##vso[broken"]),
    ("escapes", "- bash: 'echo \"##vso[task.setvariable variable=v]a%0Ab%3Bc%AZP25\"'\n- bash: echo \"$V\"", S, ["a", "b;c%"]),
    ("after other text", "- bash: 'echo \"hey ##vso[task.setvariable variable=v]x\"'\n- bash: echo $(v)", S, ["x"]),
    ("env", "- bash: echo $A $B\n  env: {A: 1, B: $(Build.Reason)}", S, ["1 Manual"]),
    ("secret at run time", "- bash: 'echo \"##vso[task.setvariable variable=v;isSecret=true]hush\"; echo hush'\n- bash: echo \"[$V] $W $(v)\"\n  env: {W: $(v)}", S, ["***", "[] *** ***"]),
    ("a secret of several lines", "- bash: 'echo \"##vso[task.setvariable variable=v;isSecret=true]one%0Atwo\"'\n- bash: |\n    echo one; echo a two b; printf \"%s\\n\" \"$W\"\n  env: {W: $(v)}", S, ["***", "a *** b", "***", "***"]),
    ("escapes in properties", "- bash: 'echo \"##vso[task.setvariable variable=a%3Bb%5Dc;isOutput=true]x\"'\n  name: s\n- bash: echo '$(s.a;b]c)'", S, ["x"]),
    ("an issue of several lines", "- bash: 'echo \"##vso[task.logissue type=error;code=1]one%0Atwo\"'", S, ["##[error]one", "two"]),
    ("complete without a result", "- bash: 'echo \"##vso[task.complete]done\"'", S, []),
    ("two commands, the worse counts", "- bash: 'echo \"##vso[task.complete result=Failed]\"; echo \"##vso[task.complete result=SucceededWithIssues]\"'", F, []),
    ("names of commands ignore case", "- bash: 'echo \"##VSO[x]\"; echo \"##vso[TASK.SetVariable Variable=v;ISSECRET=TRUE]hush\"; echo hush'", S, ["##VSO[x]", "***"]),
    ("a secret is not in the environment but in the macro", "- bash: 'echo \"##vso[task.setvariable variable=v;issecret=true]hush\"'\n- bash: env | grep -c ^V= ; test $(v) = hush && echo same", S, ["0", "same"]),
    ("prependpath twice, the last first", "- bash: |\n    for d in x y; do mkdir $d; echo \"echo $d\" > $d/foo; chmod +x $d/foo; echo \"##vso[task.prependpath]$PWD/$d\"; done\n- bash: foo", S, ["y"]),
    ("a retry gives up", "- bash: exit 4\n  retryCountOnTaskFailure: 1", F, ["##[error]Bash exited with code '4'.", "##[warning]Retrying (1 of 1)", "##[error]Bash exited with code '4'."]),
    ("a retry with continueOnError", "- bash: exit 4\n  retryCountOnTaskFailure: 1\n  continueOnError: true\n- bash: echo on", I, ["##[error]Bash exited with code '4'.", "##[warning]Retrying (1 of 1)", "##[error]Bash exited with code '4'.", "on"]),
    ("setsecret", "- bash: 'echo \"##vso[task.setsecret]hush\"; echo a hush b'", S, ["a *** b"]),
    ("workingDirectory", "- bash: mkdir x\n- bash: basename $PWD\n  workingDirectory: x", S, ["x"]),
    ("no such directory", "- bash: echo\n  workingDirectory: $(Pipeline.Workspace)/nope", F, []),
    ("failOnStderr", "- bash: echo x >&2\n  failOnStderr: true", F, ["x", "##[error]Bash wrote one or more lines to the standard error stream.", "##[error]Bash exited with code '1'."]),
    ("retry", "- bash: 'if test -e x; then echo good; else touch x; exit 1; fi'\n  retryCountOnTaskFailure: 2", S, ["##[error]Bash exited with code '1'.", "##[warning]Retrying (1 of 2)", "good"]),
    ("timeout", "- bash: sleep 50\n  timeoutInMinutes: 0.005\n- bash: echo after\n  condition: failed()", F, ["##[error]The task took longer than 0.005 minutes.", "after"]),
    ("a program left running holds nobody up", "- bash: sleep 300 & echo started\n- bash: echo next", S, ["started", "next"]),
    ("a last line without its end", "- bash: printf a", S, ["a"]),
    ("no UTF-8", "- bash: printf 'a\\xffb\\n'", S, ["a\ufffdb"]),
    ("a condition that cannot be evaluated", "- bash: echo no\n  condition: gt(1, 'x')\n- bash: echo after\n  condition: failed()", F, ["after"]),
    ("file and arguments", "- bash: printf 'echo $1-$2' > f.sh\n- task: Bash@3\n  inputs: {filePath: f.sh, arguments: a 'b c'}", S, ["a-b c"]),
    ("bash sees its names in capitals", "- bash: echo $BUILD_REASON $SYSTEM_JOBNAME $SYSTEM_PHASENAME $TF_BUILD $SYSTEM_STAGENAME", S, ["Manual __default Job True __default"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "expected", "lines"), [pytest.param(*c[1:], id=c[0]) for c in STEP_CASES]
)
def test_steps(run: Any, steps: str, expected: str, lines: list[str]) -> None:
    result = run(f"steps:\n{steps}")
    assert results(result) == {"Job": expected}
    assert result.result == expected
    if lines:
        assert [line for line in log(result) if not NOISE.search(line)] == lines


def job(name: str, *, body: str = "echo $(System.PhaseName)", **keys: str) -> str:
    more = "".join(f"  {key}: {value}\n" for key, value in keys.items())
    return f"- job: {name}\n{more}  steps:\n  - bash: {body!r}\n"


# name, jobs, their results
JOB_CASES: list[tuple[str, str, dict[str, str]]] = [
    ("side by side", job("A") + job("B"), {"A": S, "B": S}),
    ("in a row", job("A") + job("B", dependsOn="A"), {"A": S, "B": S}),
    ("a failure skips", job("A", body="exit 1") + job("B", dependsOn="A"), {"A": F, "B": K}),
    ("skipped is not success, also indirectly", job("A", condition="false") + job("B", dependsOn="A", condition="always()") + job("C", dependsOn="B"), {"A": K, "B": S, "C": K}),
    ("in() with Skipped", job("A", condition="false") + job("B", dependsOn="A", condition="in(dependencies.A.result, 'Succeeded', 'Skipped')"), {"A": K, "B": S}),
    ("succeededOrFailed of skipped ones", job("A", condition="false") + job("B", dependsOn="A", condition="succeededOrFailed()"), {"A": K, "B": K}),
    ("succeededOrFailed of a failed one", job("A", body="exit 1") + job("B", dependsOn="A", condition="succeededOrFailed()"), {"A": F, "B": S}),
    ("failed of any", job("A") + job("B", body="exit 1") + job("C", dependsOn="[A, B]", condition="failed()"), {"A": S, "B": F, "C": S}),
    ("failed of one", job("A") + job("B", body="exit 1") + job("C", dependsOn="[A, B]", condition="failed('A')"), {"A": S, "B": F, "C": K}),
    ("a condition replaces succeeded", job("A", body="exit 1") + job("B", dependsOn="A", condition="eq(1, 1)"), {"A": F, "B": S}),
    ("condition that cannot be evaluated", job("A", condition="gt(1, 'x')") + job("B", dependsOn="A"), {"A": F, "B": K}),
    ("names ignore case", job("A") + job("B", dependsOn="a", condition="eq(dependencies.a.RESULT, 'succeeded')"), {"A": S, "B": S}),
    ("continueOnError", job("A", body="exit 1", continueOnError="true") + job("B", dependsOn="A"), {"A": I, "B": S}),
    ("output in a condition", job("A", body='echo "##vso[task.setvariable variable=v;isOutput=true]x"') + "    name: s\n" + job("B", dependsOn="A", condition="eq(dependencies.A.outputs['s.v'], 'x')") + job("C", dependsOn="A", condition="eq(dependencies.A.outputs['s.v'], 'y')"), {"A": S, "B": S, "C": K}),
]  # fmt: skip


@pytest.mark.parametrize(("jobs", "expected"), [pytest.param(*c[1:], id=c[0]) for c in JOB_CASES])
def test_jobs(run: Any, jobs: str, expected: dict[str, str]) -> None:
    assert results(run(f"jobs:\n{jobs}")) == expected


SET = """
    - bash: echo "##vso[task.setvariable variable=v;isOutput=true]far"
      name: s
"""


def test_there_are_enough_cases() -> None:
    """At least 40 runs, besides those of the traps and of the world around."""
    assert len(STEP_CASES) + len(JOB_CASES) + len(STAGES) >= 40


OUTPUTS = f"""
stages:
- stage: one
  jobs:
  - job: a
    steps:{SET}
  - job: b
    dependsOn: a
    variables: {{x: "$[ dependencies.a.outputs['s.v'] ]"}}
    steps: [{{bash: echo $(x)}}]
- stage: two
  condition: and(succeeded(), eq(dependencies.one.outputs['a.s.v'], 'far'))
  variables: {{y: "$[ stageDependencies.one.a.outputs['s.v'] ]"}}
  jobs:
  - job: c
    variables: {{z: "$[ stageDependencies.one.a.outputs['s.v'] ]"}}
    steps: [{{bash: echo $(y) $(z)}}]
- stage: three
  dependsOn: two
  jobs:
  - job: d
    condition: eq(stageDependencies.one.a.outputs['s.v'], '')
    steps: [{{bash: echo needs dependsOn}}]
- stage: four
  dependsOn: [one, two]
  condition: eq(dependencies.one.outputs['s.v'], 'far')
  jobs: [{{job: e, steps: [{{bash: echo no}}]}}]
"""


def test_outputs_in_other_jobs_and_stages(run: Any) -> None:
    result = run(OUTPUTS)
    assert results(result) == {"one.a": S, "one.b": S, "two.c": S, "three.d": S, "four.e": K}
    assert log(result, "one.b") == ["far"]
    assert log(result, "two.c") == ["far far"]
    assert result.stages[0].jobs[0].outputs == {"s.v": "far"}


def test_outputs_of_a_deployment_have_the_job_first_and_twice_in_a_stage(run: Any) -> None:
    result = run("""
stages:
- stage: one
  jobs:
  - deployment: D
    environment: dev
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: echo "##vso[task.setvariable variable=v;isOutput=true]x"
            name: s
  - job: j
    dependsOn: D
    variables: {x: "$[ dependencies.D.outputs['D.s.v'] ]"}
    steps: [{bash: echo $(x)}]
- stage: two
  condition: eq(dependencies.one.outputs['D.D.s.v'], 'x')
  jobs: [{job: k, variables: {y: "$[ stageDependencies.one.D.outputs['D.s.v'] ]"}, steps: [{bash: echo $(y)}]}]
""", approvals=OPEN)  # fmt: skip
    assert results(result) == {"one.D": S, "one.j": S, "two.k": S}
    assert (log(result, "j"), log(result, "k")) == (["x"], ["x"])


OPEN = {"dev": Decision("open")}

STAGES = [
    ("in the order of the file", "- stage: a\n{j}- stage: b\n{j}", {"a": S, "b": S}),
    ("side by side", "- stage: a\n{bad}- stage: b\n  dependsOn: []\n{j}", {"a": F, "b": S}),
    ("a failure skips", "- stage: a\n{bad}- stage: b\n{j}", {"a": F, "b": K}),
    ("failed", "- stage: a\n{bad}- stage: b\n  condition: failed()\n{j}", {"a": F, "b": S}),
    ("failed of none", "- stage: a\n{j}- stage: b\n  condition: failed()\n{j}", {"a": S, "b": K}),
    ("skipped, then always, then default", "- stage: a\n  condition: false\n{j}- stage: b\n  condition: always()\n{j}- stage: c\n{j}", {"a": K, "b": S, "c": K}),
    ("result of a stage", "- stage: a\n{bad}- stage: b\n  condition: eq(dependencies.a.result, 'Failed')\n{j}", {"a": F, "b": S}),
    ("condition error", "- stage: a\n  condition: gt(1, 'x')\n{j}- stage: b\n{j}", {"a": F, "b": K}),
    ("all jobs skipped", "- stage: a\n  jobs: [{job: x, condition: false, steps: [{bash: x}]}]\n- stage: b\n{j}", {"a": K, "b": K}),
    ("root variable in a condition", "- stage: a\n  condition: eq(variables.v, 'x')\n{j}", {"a": S}),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "expected"), [pytest.param(*c[1:], id=c[0]) for c in STAGES])
def test_stages(run: Any, stages: str, expected: dict[str, str]) -> None:
    text = stages.replace("{j}", "  jobs: [{job: x, steps: [{bash: echo}]}]\n")
    text = text.replace("{bad}", "  jobs: [{job: x, steps: [{bash: exit 1}]}]\n")
    result = run(f"variables: {{v: x}}\nstages:\n{text}")
    assert {stage.stage: stage.result for stage in result.stages} == expected


def test_variables_of_every_level(run: Any) -> None:
    result = run("""
variables: {a: root, b: root, c: root, d: "$(a)!", up.per case: 1}
stages:
- stage: s
  variables: {b: stage, c: stage}
  jobs:
  - job: j
    variables:
    - {name: c, value: job}
    - {name: r, value: fixed, readonly: true}
    - {name: e, value: "$[ format('{0}-{1}', variables.B, variables['a']) ]"}
    steps:
    - bash: echo $(a) $(B) $(c) $(d) $(e) $(r) $UP_PER_CASE $(given) '$[x]'
""", variables={"a": "given", "given": "too"})  # fmt: skip
    assert log(result, "j") == ["root stage job root! stage-root fixed 1 too $[x]"]


def test_counters_and_revisions_grow_from_run_to_run(run: Any) -> None:
    text = "name: v$(Rev:.r)-$(Date:yyyy)\nvariables: {n: \"$[counter('p', 100)]\"}\nsteps: [{bash: echo $(n) $(Build.BuildNumber)}]"
    lines = [log(run(text))[0].split() for _ in range(2)]
    assert [line[0] for line in lines] == ["100", "101"]
    assert [line[1][:3] for line in lines] == ["v.1", "v.2"]


def test_resources_of_the_repository(run: Any) -> None:
    text = "variables:\n  a: $[ resources.repositories.SELF.name ]\n  b: $[ resources.repositories.other.ref ]\nsteps: [{bash: 'echo [$(a)] [$(b)]'}]"
    assert log(run(text)) == ["[repo] []"]


def test_the_build_number_changes(run: Any) -> None:
    result = run(
        "name: first\nsteps:\n- bash: 'echo \"##vso[build.updatebuildnumber]second\"'\n- bash: echo $(Build.BuildNumber)"
    )
    assert result.name == "second"
    assert log(result) == ["second"]


def test_secrets_are_masked_and_passed_only_by_env(run: Any) -> None:
    result = run(
        'steps:\n- bash: |\n    echo "[$TOKEN][$GIVEN]"\n    echo $GIVEN | rev\n    echo "##vso[task.setvariable variable=o;isOutput=true]$GIVEN"\n    echo $GIVEN > s.md\n    echo "##vso[task.uploadsummary]$PWD/s.md"\n  name: s\n  env: {GIVEN: $(token)}',
        secrets={"TOKEN": "hunter2hunter2"},
    )
    assert log(result)[0] == "[][***]"
    assert log(result)[1] == "2retnuh2retnuh"
    assert result.stages[0].jobs[0].outputs == {"s.o": "***"}
    assert result.summaries[0].read_text() == "***\n"
    for path in result.folder.rglob("*"):
        if path.is_file() and not path.is_relative_to(result.folder / "Job"):
            assert "hunter2hunter2" not in path.read_text(errors="replace"), path


def test_service_connection(run: Any) -> None:
    step = "steps:\n- task: AzureCLI@2\n  inputs: {azureSubscription: c, scriptType: bash, scriptLocation: inlineScript, inlineScript: 'echo $WHERE'}\n- bash: echo \"[$WHERE]\""
    result = run(step, service_connections={"c": {"WHERE": "there"}})
    assert log(result) == ["there", "[]"]
