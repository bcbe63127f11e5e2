"""Operations that outlive the server that began them."""

from __future__ import annotations

import pytest

from azureml_local.errors import NotFound
from azureml_local.operations import ENDED, Operations
from azureml_local.state import State


@pytest.fixture
def state(tmp_path):
    found = State(tmp_path, "https://localhost:1")
    yield found
    found.store.close()


def test_what_nobody_goes_on_with_has_failed_and_says_why(state):
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
    found = after.status(workspace, lost)
    assert (found["status"], found["error"]["message"]) == ("Failed", ENDED)


def test_an_operation_of_a_workspace_that_was_deleted_is_gone(state):
    workspace = state.workspace_by_name("s", "g", "w")
    operations = Operations(state)
    name = operations.start(workspace)
    state.store.purge(workspace.key)
    operations.finish(workspace, name)
    with pytest.raises(NotFound):
        operations.status(workspace, name)
    operations.recover()
