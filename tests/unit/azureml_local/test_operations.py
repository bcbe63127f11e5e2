"""Long-running operations after a restart of the server."""

from __future__ import annotations

import pytest

from azureml_local.errors import NotFound
from azureml_local.operations import Operations
from azureml_local.state import State


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path, "https://localhost:1")
    yield state
    state.store.close()


def test_operations_that_are_not_resumed_have_failed(state):
    workspace = state.workspace_by_name("s", "g", "w")
    before = Operations(state)
    done, broken, resumed, lost = (before.start(workspace) for _ in range(4))
    before.finish(workspace, done)
    before.finish(workspace, broken, {"code": "ContainerCrashed", "message": "no key"})
    after = Operations(state)
    after.mark_resumed(resumed)
    after.recover()
    assert after.status(workspace, done) == {"id": done, "status": "Succeeded"}
    assert after.status(workspace, broken)["error"]["message"] == "no key"
    assert after.status(workspace, resumed)["status"] == "InProgress"
    document = after.status(workspace, lost)
    assert (document["status"], document["error"]["code"]) == ("Failed", "ServerStopped")


def test_operations_of_a_deleted_workspace_are_deleted(state):
    workspace = state.workspace_by_name("s", "g", "w")
    operations = Operations(state)
    name = operations.start(workspace)
    state.store.purge(workspace.key)
    operations.finish(workspace, name)
    with pytest.raises(NotFound):
        operations.status(workspace, name)
    operations.recover()


def test_an_operation_that_is_complete_is_written_once(state):
    workspace = state.workspace_by_name("s", "g", "w")
    before = state.store.changes
    headers = Operations(state).completed_headers(workspace)
    assert state.store.changes == before + 1
    name = headers["Azure-AsyncOperation"].rpartition("/")[2]
    assert Operations(state).status(workspace, name) == {"id": name, "status": "Succeeded"}
