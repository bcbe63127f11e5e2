"""What the agent of Azure Pipelines does with variables, scripts and folders of a job."""

from typing import Any

import pytest

from pipelines_local import RunResult

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
