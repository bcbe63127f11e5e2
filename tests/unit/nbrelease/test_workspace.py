"""The workspace of a command."""

from __future__ import annotations

import json
import os

import pytest

from nbrelease.errors import UsageError
from nbrelease.workspace import read_variables


def test_a_running_workspace_with_another_isolation_is_not_used(tmp_path):
    state = {"pid": os.getpid(), "env": {"A": "1"}, "isolation": "none"}
    (tmp_path / "server.json").write_text(json.dumps(state))
    assert read_variables(tmp_path) == {"A": "1"}
    assert read_variables(tmp_path, isolation="none") == {"A": "1"}
    with pytest.raises(UsageError, match="isolation"):
        read_variables(tmp_path, isolation="uv")
