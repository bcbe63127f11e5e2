"""The branches of if-else nodes in pipelines."""

from __future__ import annotations

import pytest

from azureml_local.errors import BadRequest
from azureml_local.jobs.branches import Branch, find_branches, is_true

CONDITION = "${{parent.jobs.decide.outputs.flag}}"
STEPS = {"decide": {}, "a": {}, "b": {}, "c": {}}


def test_the_branches_of_steps():
    blocks = {"true_block": "${{parent.jobs.a}}", "false_block": ["${{ parent.jobs.b }}"]}
    jobs = {
        **STEPS,
        "first": {"type": "if_else", "condition": CONDITION, **blocks},
        "second": {"type": "if_else", "condition": True, "false_block": "${{parent.jobs.b}}"},
    }
    assert find_branches(jobs) == {
        "a": [Branch(CONDITION, True)],
        "b": [Branch(CONDITION, False), Branch("True", False)],
    }


@pytest.mark.parametrize(
    "node",
    [
        {"condition": CONDITION, "true_block": "${{parent.jobs.missing}}"},
        {"condition": CONDITION, "true_block": "a"},
        {"condition": 1, "true_block": "${{parent.jobs.a}}"},
        {"true_block": "${{parent.jobs.a}}"},
    ],
)
def test_nodes_that_are_not_valid_are_refused(node):
    with pytest.raises(BadRequest) as caught:
        find_branches({**STEPS, "if": {"type": "if_else", **node}})
    assert caught.value.target == "jobs.if"


def test_the_text_of_a_condition():
    assert [is_true(each) for each in ("True\n", "true", "False", "1", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
