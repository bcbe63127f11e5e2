"""Fixtures of all tests: each module starts with the original environment variables.

The tests of azureml_local set variables that point their process to a local workspace, and cannot
reset them: the SDK reads the cloud's metadata once, on import. Without this fixture, programs that
other modules start in the same process would use the wrong workspace.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbrelease.runbook.slow_imports import import_nbformat

# The slowest modules run first, so that no worker runs them after the others have finished.
FIRST = ("test_story.py", "test_prod.py")
ORIGINAL = dict(os.environ)
USES_A_WORKSPACE = Path(__file__).parent / "functional" / "azureml_local"

# Imports create many objects and little garbage.
gc.disable()
import_nbformat()


@pytest.fixture(scope="module", autouse=True)
def _restore_environment(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.path.is_relative_to(USES_A_WORKSPACE):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - ORIGINAL.keys():
            patch.delenv(name)
        for name, value in ORIGINAL.items():
            patch.setenv(name, value)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)


def pytest_collection_finish() -> None:
    """The imported modules stay: collections during the tests need not look at them."""
    gc.freeze()
    gc.enable()
