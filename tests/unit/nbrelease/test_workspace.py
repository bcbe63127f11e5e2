"""The workspace of a command."""

from __future__ import annotations

import json
import os

import pytest

from nbrelease.errors import UsageError
from nbrelease.workspace import read_variables


@pytest.mark.parametrize("isolation", ["none", "uv", "auto"])
def test_a_running_workspace_without_isolation_is_not_used_if_settings_need_it(tmp_path, isolation):
    state = {"pid": os.getpid(), "env": {"A": "1"}, "isolation": isolation}
    (tmp_path / "server.json").write_text(json.dumps(state))
    assert read_variables(tmp_path) == {"A": "1"}
    if isolation == "none":
        with pytest.raises(UsageError, match="isolation"):
            read_variables(tmp_path, isolated=True)
    else:
        assert read_variables(tmp_path, isolated=True) == {"A": "1"}
