"""Control flow of pipelines through the SDK: if-else nodes and loops."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import requests
import yaml
from tests.functional.azureml_local.sdk_jobs import children_of, wait_for_end

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def submitted(client, sdk_python, tmp_path_factory) -> dict[str, dict]:
    """The names of the submitted pipelines, and the errors of the refused ones."""
    ml = client("control-flow")
    script = Path(__file__).with_name("submit_control_flow.py")
    command = [*sdk_python, script, ml.subscription_id, ml.resource_group_name]
    result = subprocess.run(
        [*command, ml.workspace_name, tmp_path_factory.mktemp("code")],
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
        job = wait_for_end(ml, submitted["names"][key])
        return job.status, _children(ml, job.name)

    return wait


def _children(ml, name: str) -> dict:
    """The status of each child job by its display name; with its children, if it has any."""
    statuses = {}
    for label, child in children_of(ml, name).items():
        children = _children(ml, child.name)
        statuses[label] = (child.status, children) if children else child.status
    return statuses


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


def test_a_condition_in_the_properties_of_the_run(ended):
    assert ended("reported_value") == (
        "Completed",
        {"decision": "Completed", "act_on_it": "Completed"},
    )


def test_a_parallel_for_loop_aggregates_its_outputs(ended, client, submitted, tmp_path):
    status, steps = ended("squares")
    assert status == "Completed"
    assert steps == {
        "loop": ("Completed", {"body_two": "Completed", "body_three": "Completed"}),
        "after": "Completed",
    }
    ml, name = client("control-flow"), submitted["names"]["squares"]
    ml.jobs.download(name, output_name="table", download_path=tmp_path)
    table = yaml.safe_load(next(tmp_path.rglob("MLTable")).read_text())
    loop = children_of(ml, name)["loop"]
    iterations = [each.name for each in children_of(ml, loop.name).values()]
    assert [each["folder"].split("/")[-2] for each in table["paths"]] == iterations
    ml.jobs.download(loop.name, output_name="o", download_path=tmp_path / "loop")
    assert yaml.safe_load(next((tmp_path / "loop").rglob("MLTable")).read_text()) == table
    for iteration, content in zip(iterations, ("4 a\n", "9 b\n"), strict=True):
        ml.jobs.download(iteration, output_name="o", download_path=tmp_path / iteration)
        assert next((tmp_path / iteration).rglob("f")).read_text() == content


@pytest.mark.parametrize("key", ["squares_of", "squares_of_listed"])
def test_items_from_an_input_or_a_step(ended, key):
    status, steps = ended(key)
    assert status == "Completed"
    assert list(steps["parallelfor"][1]) == ["body_1", "body_2"]


def test_a_failed_iteration_ends_the_loop_and_the_pipeline(ended):
    assert ended("failed") == (
        "Failed",
        {
            "parallelfor": (
                "Failed",
                {
                    "body_1": ("Completed", {"node": "Completed"}),
                    "body_2": ("Failed", {"node": "Failed"}),
                    "body_3": "Canceled",
                },
            )
        },
    )


@pytest.mark.parametrize(("key", "lines"), [("lines", "1\n2\n3\n"), ("two_lines", "1\n2\n")])
def test_a_do_while_loop_ends_by_its_condition_or_limit(
    ended, client, submitted, tmp_path, key, lines
):
    status, steps = ended(key)
    iterations = {f"body_{number}": "Completed" for number in range(1, lines.count("\n") + 1)}
    assert (status, steps) == (
        "Completed",
        {"dowhile": ("Completed", iterations), "after": "Completed"},
    )
    ml = client("control-flow")
    ml.jobs.download(submitted["names"][key], output_name="lines", download_path=tmp_path)
    assert next(tmp_path.rglob("f")).read_text() == lines


def test_a_loop_without_a_value_of_its_condition_fails(ended):
    assert ended("without_condition") == (
        "Failed",
        {"dowhile": ("Failed", {"body_1": "Completed"})},
    )


def test_cancelling_a_pipeline_ends_its_loop(ended, client, submitted):
    ml = client("control-flow")
    ml.jobs.begin_cancel(submitted["names"]["waits"]).result()
    assert ended("waits") == (
        "Canceled",
        {"parallelfor": ("Canceled", {"body_1": "Canceled", "body_2": "Canceled"})},
    )


def test_loops_that_are_refused(submitted):
    assert submitted["refused"] == {
        "bad_items": [400, "UserError", "jobs.parallelfor"],
        "named_output": [501, "NotSupportedLocally", "jobs.parallelfor"],
        "output_of_body": [400, "UserError", "jobs.after"],
        "aggregated_string": [501, "NotSupportedLocally", "jobs.show"],
    }


def test_the_studio_page_of_a_loop_lists_its_iterations(ended, client, submitted):
    ended("squares")
    name = submitted["names"]["squares"]
    ml = client("control-flow")
    url = ml.jobs.get(name).studio_url
    with requests.Session() as session:
        pipeline = session.get(url, timeout=60).text
        loop = children_of(ml, name)["loop"].name
        page = session.get(url.partition("?")[0].replace(name, loop), timeout=60).text
    assert "parallel_for" in pipeline
    assert all(text in page for text in ("Iterations", "body_two", "body_three"))
