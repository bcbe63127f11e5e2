"""Cell states and the runbook verdict, computed from the executed notebook."""

from __future__ import annotations

import pytest

from nbrelease.runbook.verdict import overall, state_of


def cell(count=1, error=None, died=False):
    outputs = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    if error:
        outputs.append(
            {"output_type": "error", "ename": error[0], "evalue": error[1], "traceback": []}
        )
    return {
        "execution_count": count,
        "outputs": outputs,
        "metadata": {"papermill": {"exception": died}},
    }


@pytest.mark.parametrize(
    ("executed", "tags", "state"),
    [
        (cell(), (), "passed"),
        (cell(None), (), "not run"),
        (cell(error=("ValueError", "no")), (), "failed"),
        (cell(None, died=True), (), "failed"),  # the kernel died in it
        (cell(error=("ValueError", "no")), ("raises-exception",), "passed"),
        (cell(), ("raises-exception",), "failed"),
        (cell(), ("skip-execution",), "skipped"),
        (cell(None), ("skip-execution",), "skipped"),
        (cell(error=("SystemExit", "0")), (), "passed"),
        (cell(error=("SystemExit", "")), (), "passed"),
        (cell(error=("SystemExit", "1")), (), "failed"),
    ],
)
def test_state_of_a_cell(executed, tags, state):
    assert state_of(executed, frozenset(tags))[0] == state


def test_a_cell_that_should_raise_and_does_not_has_an_error():
    _, error = state_of(cell(), frozenset({"raises-exception"}))
    assert error.ename == "DidNotRaise"


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (["passed", "skipped"], "passed"),
        (["passed", "not run"], "not run"),
        (["check failed", "not run"], "check failed"),
        (["check failed", "failed"], "failed"),
        (["skipped"], "not run"),
        ([], "not run"),
    ],
)
def test_the_verdict_is_the_worst_state(states, verdict):
    assert overall(states) == verdict
