"""Steps of pipelines are reused only if they ran with the same interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.documents.assets import COMPONENTS
from azureml_local.documents.jobs import JOBS
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.jobs.planner import make_plan
from azureml_local.jobs.reuse import CompletedSteps
from azureml_local.jobs.runner import Runner
from azureml_local.state import State

COMPONENT = {
    "name": "one",
    "type": "command",
    "command": "echo 1",
    "environment": "azureml:AzureML-x:1",
}
OTHER = {"interpreter": Path("/opt/other")}


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path, "https://localhost:1")
    yield state
    state.store.close()


@pytest.mark.parametrize(
    ("first", "second", "is_reused"),
    [
        ({}, {}, True),
        ({}, {"isolation": "uv"}, False),
        ({"isolation": "auto"}, {"isolation": "uv"}, False),
        ({"isolation": "uv"}, OTHER, False),
        (OTHER, OTHER, True),
    ],
)
def test_a_step_is_reused_if_it_ran_with_the_same_interpreter(state, first, second, is_reused):
    workspace = state.workspace_by_name("s", "local", "dev")
    workspace.documents.put(COMPONENTS, "one", {"componentSpec": COMPONENT}, "1")
    workers = ForkedWorkers([], env={}, log=state.data / "preloaded.log")
    modes = [Runner(state, None, workers, {}, **each).interpreter_mode for each in (first, second)]
    step = {"type": "command", "componentId": f"{workspace.path}/components/one/versions/1"}
    pipeline = {"jobType": "Pipeline", "jobs": {"one": step}}

    (planned,) = make_plan(workspace, pipeline, interpreter=modes[0]).steps
    assert not planned.reused_job
    key = CompletedSteps(workspace, modes[0]).key(planned.properties)
    ran = {"properties": planned.properties, "status": "Completed", "reuseKey": key}
    workspace.documents.put(JOBS, planned.job, ran)

    (again,) = make_plan(workspace, pipeline, interpreter=modes[1]).steps
    assert bool(again.reused_job) == is_reused
