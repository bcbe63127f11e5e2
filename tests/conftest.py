"""What holds for all tiers: each module finds the environment as it was when the tests began.

The tests of azureml_local lead their own process to a local workspace, and have to for the rest of
it: the SDK reads the cloud's description once, while it is imported. The programs that other
modules start in the same process would inherit that and work in a workspace that is not theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# They take longest: begun first, they do not keep one worker busy after the others have ended.
FIRST = ("test_story.py", "test_prod.py")
BEFORE = dict(os.environ)
LED_TO_A_WORKSPACE = Path(__file__).parent / "functional" / "azureml_local"


@pytest.fixture(scope="module", autouse=True)
def _the_environment_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.path.is_relative_to(LED_TO_A_WORKSPACE):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - BEFORE.keys():
            patch.delenv(name)
        for name, value in BEFORE.items():
            patch.setenv(name, value)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)
