"""Common misunderstandings of Azure Pipelines, one test each; a run must not hide them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipelines_local import Decision, InvalidPipeline, RunResult
from pipelines_local.evaluation import Evaluator

pytestmark = pytest.mark.functional


@contextmanager
def invalid(code: str) -> Iterator[None]:
    with pytest.raises(InvalidPipeline) as caught:
        yield
    assert caught.value.code == code


def results(result: RunResult) -> list[str]:
    return [job.result for _, job in result.jobs()]


def log(result: RunResult, job: str = "Job") -> list[str]:
    lines = next(actual.log for _, actual in result.jobs() if actual.job == job)
    return [line for line in lines if not line.startswith("Checked out ")]


def value(expression: str, slot: str = "compile", **context: Any) -> Any:
    question = {"expression": expression, "slot": slot, "context": context}
    return Evaluator().evaluate(question).get("value", "error")


def test_01_a_condition_replaces_succeeded_and_skipped_is_no_success(run: Any) -> None:
    text = "jobs:\n- {job: A, condition: false, steps: [{bash: x}]}\n- {job: B, dependsOn: A, condition: not(failed()), steps: [{bash: 'true'}]}\n- {job: C, dependsOn: B, steps: [{bash: x}]}"
    assert results(run(text)) == ["Skipped", "Succeeded", "Skipped"]


def test_02_succeeded_or_failed_is_false_when_all_were_skipped(run: Any) -> None:
    text = "jobs:\n- {job: A, condition: false, steps: [{bash: x}]}\n- {job: B, dependsOn: A, condition: succeededOrFailed(), steps: [{bash: x}]}"
    assert results(run(text)) == ["Skipped", "Skipped"]


def test_03_a_condition_with_an_error_fails_the_step(run: Any) -> None:
    result = run("steps:\n- bash: echo no\n  condition: ge('a', variables.x.y.z[gt(1, 'x')])")
    assert results(result) == ["Failed"]
    assert result.stages[0].jobs[0].issues.codes == ["condition"]


def test_04_outputs_have_another_name_from_each_place(run: Any) -> None:
    text = """
stages:
- stage: S
  jobs:
  - job: J
    steps: [{bash: 'echo "##vso[task.setvariable variable=v;isOutput=true]x"', name: s}]
  - job: K
    dependsOn: J
    condition: and(eq(dependencies.J.outputs['s.v'], 'x'), eq(dependencies.J.outputs['J.s.v'], ''))
    steps: [{bash: 'true'}]
- stage: T
  condition: and(eq(dependencies.S.outputs['J.s.v'], 'x'), eq(dependencies.S.outputs['s.v'], ''))
  jobs:
  - job: L
    condition: eq(stageDependencies.S.J.outputs['s.v'], 'x')
    steps: [{bash: 'true'}]
- stage: U
  dependsOn: T
  jobs: [{job: M, condition: "eq(stageDependencies.S.J.outputs['s.v'], 'x')", steps: [{bash: x}]}]
"""
    assert results(run(text)) == ["Succeeded", "Succeeded", "Succeeded", "Skipped"]


def test_05_an_output_is_step_var_only_and_not_in_its_own_step(run: Any) -> None:
    result = run(
        "steps:\n- bash: |\n    echo '##vso[task.setvariable variable=v;isOutput=true]x'\n    echo '$(s.v)'\n  name: s\n- bash: echo '$(s.v) $(v)'"
    )
    assert log(result) == ["$(s.v)", "x $(v)"]


def test_06_undefined_things(run: Any) -> None:
    assert log(run("steps: [{bash: echo $(echo ran) '$(echo not)'}]")) == ["ran $(echo not)"]
    assert log(run("steps: [{bash: 'echo [${{ variables.nope }}]'}]")) == ["[]"]
    with invalid("undeclared-parameter"):
        run("steps: [{bash: 'echo ${{ parameters.nope }}'}]")


def test_07_variables_are_texts_and_the_left_side_decides() -> None:
    assert value("and(true, variables.v)", variables={"v": "false"}) is True
    assert value("format('{0}', false)") == "False"
    assert value("eq(true, 'false')") is True
    assert value("gt('10', 9)") is False


def test_08_no_operators_no_parentheses_no_null_and_iif_looks_at_both() -> None:
    assert [value(text) for text in ("1 == 1", "(true)", "null", "iif(true, 1, gt(1, 'x'))")] == [
        "error"
    ] * 4
    assert (value("1.10"), value("1.10.0")) == (1.1, "1.10.0")


def test_09_names_ignore_case_but_for_directives_and_keys_inside(run: Any) -> None:
    assert value("PARAMETERS.P.a", parameters={"p": {"a": 1}}) == 1
    assert value("parameters.p.A", parameters={"p": {"a": 1}}) is None
    assert value("variables['a.b']", variables={"A.B": "x"}) == "x"
    with invalid("invalid-directive"):
        run("steps:\n- ${{ If true }}:\n  - bash: x")


def test_10_what_breaks_a_chain_and_what_a_template_takes(run: Any) -> None:
    source = "steps:\n- ${{ if false }}:\n  - bash: x\n- bash: 'true'\n- ${{ else }}:\n  - bash: echo else"
    assert log(run(source)) == ["else"]
    with invalid("else-without-if"):
        run(
            source.replace(
                "- bash: 'true'", "- ${{ each x in split('a', ',') }}:\n  - bash: 'true'"
            )
        )
    with invalid("template-reference"):
        run("steps:\n- template: t.yml\n  condition: always()", {"t.yml": "steps: []"})


@pytest.mark.parametrize("default", ["'${{ variables.x }}'", "yes", "1", "'on'"])
def test_11_defaults_of_parameters(run: Any, default: str) -> None:
    with pytest.raises(InvalidPipeline):
        run(f"parameters: [{{name: p, type: boolean, default: {default}}}]\nsteps: [{{bash: x}}]")


def test_12_names_in_the_environment_and_secrets(run: Any) -> None:
    text = 'variables: {my.own var: plain}\nsteps:\n- bash: echo "$MY_OWN_VAR [$TOKEN] $T $(token)"\n  env: {T: $(token)}'
    assert log(run(text, secrets={"token": "hush"})) == ["plain [] *** ***"]


def test_13_what_fails_a_step(run: Any) -> None:
    assert results(run("steps: [{bash: 'false; true'}]")) == ["Succeeded"]
    assert results(run("steps: [{bash: 'echo \"##vso[task.logissue type=error]x\"'}]")) == [
        "Succeeded"
    ]
    assert results(run("steps: [{bash: 'echo \"##vso[task.complete result=Failed]\"'}]")) == [
        "Failed"
    ]
    text = "steps: [{bash: 'echo \"##vso[task.complete result=Succeeded]\"; exit 2'}]"
    assert results(run(text)) == ["Failed"]


def test_14_approvals_come_first_and_deployments_check_nothing_out(run: Any) -> None:
    text = "stages:\n- stage: S\n  jobs:\n  - {job: first, steps: [{bash: x}]}\n  - deployment: D\n    environment: e\n    strategy: {runOnce: {deploy: {steps: [{bash: ls | wc -l}]}}}"
    waiting = run(text)
    assert (waiting.result, list(waiting.jobs())) == ("Waiting", [])
    assert (
        log(run(text.replace("bash: x", "bash: 'true'"), approvals={"e": Decision("open")}), "D")[
            -1
        ]
        == "0"
    )


def test_15_what_the_documentation_leaves_open_is_decided(run: Any) -> None:
    """Root variables in a template are refused; the stage's own are seen; rejected is a result."""
    with invalid("template-key"):
        run("steps: [{template: t.yml}]", {"t.yml": "variables: {a: b}\nsteps: []"})
    seen = "stages:\n- stage: S\n  variables: {v: x}\n  jobs: [{job: J, steps: [{bash: 'echo ${{ variables.v }}'}]}]"
    assert log(run(seen), "J") == ["x"]
    text = "stages:\n- stage: S\n  jobs:\n  - deployment: D\n    environment: e\n    strategy: {runOnce: {deploy: {steps: [{bash: x}]}}}\n- stage: T\n  condition: failed()\n  jobs: [{job: J, steps: [{bash: 'true'}]}]"
    result = run(text, approvals={"e": Decision("reject")})
    assert [stage.result for stage in result.stages] == ["Rejected", "Succeeded"]
    job = "jobs: [{job: J, continueOnError: true, steps: [{bash: exit 1}]}]"
    assert results(run(job)) == ["SucceededWithIssues"]
