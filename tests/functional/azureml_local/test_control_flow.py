"""Control flow of pipelines through the SDK: the branches of if-else nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def submitted(client) -> dict[str, str]:
    """The names of the submitted pipelines."""
    ml = client("control-flow")
    script = Path(__file__).with_name("submit_control_flow.py")
    command = [sys.executable, str(script), ml.subscription_id, ml.resource_group_name]
    result = subprocess.run(
        [*command, ml.workspace_name],
        env={**os.environ, "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def ended(client, submitted):
    """The status of a pipeline and of its steps when it has ended."""
    ml = client("control-flow")

    def wait(key):
        name, deadline = submitted[key], time.monotonic() + 90
        while (status := ml.jobs.get(name).status) not in ("Completed", "Failed", "Canceled"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return status, {
            each.display_name: each.status for each in ml.jobs.list(parent_job_name=name)
        }

    return wait


@pytest.mark.parametrize(
    ("value", "taken", "skipped"), [("true", "yes", "no"), ("false", "no", "yes")]
)
def test_only_the_branch_of_the_condition_runs(ended, value, taken, skipped):
    assert ended(value) == (
        "Completed",
        {
            "decision": "Completed",
            taken: "Completed",
            f"after_{taken}": "Completed",
            skipped: "Canceled",
            f"after_{skipped}": "Canceled",
        },
    )


def test_conditions_can_be_literals_and_inputs(ended):
    assert ended("literals") == (
        "Completed",
        {"one": "Canceled", "two": "Completed", "three": "Completed", "four": "Canceled"},
    )


def test_a_condition_without_a_value_fails_the_pipeline(ended):
    assert ended("without_value") == (
        "Failed",
        {"decision": "Completed", "act_on_it": "Canceled"},
    )
