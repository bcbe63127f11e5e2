"""The settings of do-while and parallel-for nodes."""

from __future__ import annotations

import json

import pytest

from azureml_local.errors import AzureError
from azureml_local.jobs.branches import find_branches
from azureml_local.jobs.loops import (
    DoWhile,
    aggregate_outputs,
    check_nesting,
    find_loops,
    parse_items,
    read_max_concurrency,
)
from azureml_local.jobs.step_order import needed_steps

SPEC = {
    "inputs": {"n": {"type": "integer"}, "data": {"type": "uri_folder"}},
    "outputs": {"flag": {"type": "boolean"}, "n": {"type": "integer"}, "folder": {}},
}
BODY = "${{parent.jobs.body}}"
DO_WHILE = {
    "type": "do_while",
    "body": BODY,
    "condition": "flag",
    "mapping": {"${{parent.jobs.body.outputs.n}}": ["n"], "folder": "data"},
    "limits": {"max_iteration_count": 3},
}
PARALLEL_FOR = {"type": "parallel_for", "body": BODY, "items": "[{}]"}


def loop_of(node):
    (loop,) = find_loops({"body": {"type": "command"}, "loop": node})
    return loop


def test_the_settings_of_a_do_while_loop():
    expected = DoWhile("flag", {"n": ["n"], "folder": ["data"]}, 3)
    assert DoWhile.parse(loop_of(DO_WHILE), SPEC) == expected
    endless = {key: value for key, value in DO_WHILE.items() if key != "condition"}
    assert DoWhile.parse(loop_of(endless), SPEC).condition is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"condition": "folder"}, "condition"),
        ({"condition": "missing"}, "condition"),
        ({"condition": True}, "condition"),
        ({"condition": "${{parent.jobs.other.outputs.flag}}"}, "condition"),
        ({"mapping": None}, "mapping"),
        ({"mapping": {}}, "mapping"),
        ({"mapping": {"missing": ["n"]}}, "mapping"),
        ({"mapping": {"n": ["missing"]}}, "mapping"),
        ({"mapping": {"n": [1]}}, "mapping"),
        ({"mapping": {"n": ["n"], "flag": ["n"]}}, "mapping"),
        ({"limits": {}}, "limits.max_iteration_count"),
        ({"limits": {"max_iteration_count": 0}}, "limits.max_iteration_count"),
        ({"limits": {"max_iteration_count": 1001}}, "limits.max_iteration_count"),
        ({"limits": {"max_iteration_count": True}}, "limits.max_iteration_count"),
        ({"limits": {"max_iteration_count": "3"}}, "limits.max_iteration_count"),
    ],
)
def test_do_while_settings_that_are_refused(change, field):
    with pytest.raises(AzureError) as caught:
        DoWhile.parse(loop_of({**DO_WHILE, **change}), SPEC)
    assert (caught.value.status, caught.value.message.partition(":")[0]) == (400, field)


def test_items_are_inputs_by_label():
    data = {"uri": "azureml:d:1", "job_input_type": "uri_folder"}
    text = json.dumps([{"n": 1, "data": data}, {"n": "${{parent.inputs.n}}", "data": data}])
    data = {"uri": "azureml:d:1", "jobInputType": "uri_folder"}
    assert parse_items(loop_of(PARALLEL_FOR), text, SPEC) == {
        "1": {"n": {"jobInputType": "literal", "value": "1"}, "data": data},
        "2": {"n": {"jobInputType": "literal", "value": "${{parent.inputs.n}}"}, "data": data},
    }
    text = '{"a": {"n": true}, "b": {"n": 2.5}}'
    values = {
        label: item["n"]["value"]
        for label, item in parse_items(loop_of(PARALLEL_FOR), text, SPEC).items()
    }
    assert values == {"a": "True", "b": "2.5"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "3",
        '"a"',
        "null",
        "[]",
        "{}",
        "[1]",
        '{"a": 1}',
        '[{"n": 1}, {}]',
        '[{"other": 1}]',
        '[{"n": null}]',
        '[{"n": NaN}]',
        '[{"n": [1]}]',
        '[{"n": {"uri": "azureml:d:1"}}]',
        '[{"n": "${{parent.jobs.a.outputs.b}}"}]',
    ],
)
def test_items_that_are_refused(text):
    with pytest.raises(AzureError) as caught:
        parse_items(loop_of(PARALLEL_FOR), text, SPEC)
    assert (caught.value.status, caught.value.message.partition(":")[0]) == (400, "items")


@pytest.mark.parametrize("value", [0, -1, "2", True, 1.5])
def test_values_of_max_concurrency_that_are_refused(value):
    with pytest.raises(AzureError) as caught:
        read_max_concurrency(loop_of({**PARALLEL_FOR, "max_concurrency": value}))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "jobs",
    [
        {"loop": {**DO_WHILE, "body": "${{parent.jobs.missing}}"}},
        {"loop": {**DO_WHILE, "body": "body"}},
        {"loop": {key: value for key, value in DO_WHILE.items() if key != "body"}},
        {"body": {"type": "parallel"}},
        {"body": {"type": "sweep"}},
        {"body": {**DO_WHILE}},
        {"loop2": PARALLEL_FOR},
    ],
)
def test_bodies_that_are_refused(jobs):
    with pytest.raises(AzureError) as caught:
        find_loops({"body": {"type": "command"}, "loop": DO_WHILE, **jobs})
    assert caught.value.status == 400


def test_the_outputs_of_a_parallel_for_loop_are_tables_and_strings():
    loop = loop_of(PARALLEL_FOR)
    kinds = {"a": "uri_file", "b": "uri_folder", "c": "mlflow_model", "d": "number"}
    spec = {"outputs": {name: {"type": kind} for name, kind in kinds.items()}}
    assert aggregate_outputs(loop, {}, spec) == {
        **{name: {"type": "mltable"} for name in "abc"},
        "d": {"type": "string"},
    }
    body = {"outputs": {"a": {"value": "${{parent.outputs.a}}", "type": "literal"}}}
    with pytest.raises(AzureError) as caught:
        aggregate_outputs(loop, body, spec)
    assert caught.value.status == 400


def test_control_flow_nodes_in_blocks_are_refused():
    block = {"type": "if_else", "condition": True, "true_block": "${{parent.jobs.loop}}"}
    with pytest.raises(AzureError) as caught:
        find_branches({"body": {}, "loop": DO_WHILE, "if": block})
    assert (caught.value.status, caught.value.target) == (501, "jobs.if")


@pytest.mark.parametrize(("in_loop", "branches"), [(True, ()), (False, ("body",))])
def test_loops_in_loops_and_branches_are_refused(in_loop, branches):
    with pytest.raises(AzureError) as caught:
        check_nesting([loop_of(DO_WHILE)], in_loop=in_loop, steps_in_branches=branches)
    assert (caught.value.status, caught.value.target) == (501, "jobs.loop")
    check_nesting([loop_of(DO_WHILE)], in_loop=False, steps_in_branches=("other",))


def test_a_step_waits_for_the_loop_of_a_body():
    reference = {"inputs": {"x": {"value": "${{parent.jobs.body.outputs.n}}"}}}
    jobs = {
        "first": {},
        "body": {"inputs": {"n": {"value": "${{parent.jobs.first.outputs.n}}"}}},
        "loop": DO_WHILE,
        "after": reference,
    }
    needs = {"first": set(), "body": {"first"}, "after": {"body"}}
    assert needed_steps(jobs, {}, find_loops(jobs)) == needs
    jobs["loop"] = PARALLEL_FOR
    with pytest.raises(AzureError) as caught:
        needed_steps(jobs, {}, find_loops(jobs))
    assert (caught.value.status, caught.value.target) == (400, "jobs.after")
