"""Cell states and the runbook verdict, computed from the executed notebook."""

from __future__ import annotations

import pytest

from nbrelease.runbook.verdict import overall, state_of


def cell(count=1, error=None, died=False, reply=None):
    outputs = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    if error:
        outputs.append(
            {"output_type": "error", "ename": error[0], "evalue": error[1], "traceback": []}
        )
    return {
        "execution_count": count,
        "outputs": outputs,
        "metadata": {
            "papermill": {"exception": died},
            **({"nbrelease": {"execute_reply": reply}} if reply else {}),
        },
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
        (cell(reply={"status": "ok"}), (), "passed"),
        (cell(None, reply={"status": "ok"}), (), "not run"),  # no kernel replies so
        (cell(None, reply={"status": "error", "ename": "E", "evalue": "x"}), (), "failed"),
        (cell(reply={"status": "error", "ename": "E", "evalue": "x"}), (), "failed"),
        (cell(reply={"status": "error", "ename": "E", "evalue": "x"}), ("raises-exception",), "passed"),
        (cell(reply={"status": "error", "ename": "SystemExit", "evalue": "0"}), (), "passed"),
        (cell(reply={"status": "aborted"}), (), "failed"),
        (cell(reply={"status": "missing"}), (), "failed"),
        (cell(None, reply={"status": "missing"}), (), "failed"),
        (cell(reply={"status": "missing"}), ("raises-exception",), "failed"),
        (cell(error=("SystemExit", "0"), reply={"status": "missing"}), (), "failed"),
    ],
)  # fmt: skip
def test_state_of_a_cell(executed, tags, state):
    assert state_of(executed, frozenset(tags))[0] == state


def test_a_cell_that_should_raise_and_does_not_has_an_error():
    _, error = state_of(cell(), frozenset({"raises-exception"}))
    assert error.ename == "DidNotRaise"


def test_the_error_is_the_output_s_or_the_reply_s():
    reply = {"status": "error", "ename": "QuietError", "evalue": "no output"}
    assert state_of(cell(reply=reply), frozenset())[1].line == "QuietError: no output"
    loud = cell(error=("ValueError", "shown"), reply=reply)
    assert state_of(loud, frozenset())[1].line == "ValueError: shown"
    ended = {"status": "missing", "ename": "DeadKernelError", "evalue": "the kernel died"}
    assert state_of(cell(reply=ended), frozenset())[1].ename == "DeadKernelError"


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
