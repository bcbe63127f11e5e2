"""Prepare the workspace, then run pytest: `run_tests.py ARGUMENTS...` with the client environment."""

from __future__ import annotations

import os
import sys

import pytest
from prepare_workspace import prepare

# The last group of the subscription has nine digits: the SDK sends no telemetry for it.
TEST_WORKSPACE = {
    "ML_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000",
    "ML_RESOURCE_GROUP": "00000",
    "ML_WORKSPACE_NAME": "00000",
    "ML_FEATURE_STORE_NAME": "00000fs",
    "AZURE_TEST_RUN_LIVE": "true",
}


def main(arguments: list[str]) -> int:
    """Run pytest in the current folder, that of the unpacked SDK; its exit code is returned."""
    os.environ.update(TEST_WORKSPACE)
    workspace = (TEST_WORKSPACE[f"ML_{name}"] for name in ("SUBSCRIPTION_ID", "RESOURCE_GROUP"))
    os.environ.update(prepare(*workspace, TEST_WORKSPACE["ML_WORKSPACE_NAME"]))
    return int(pytest.main(["-p", "local_workspace_plugin", *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
