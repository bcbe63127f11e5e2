"""A stand-in for Microsoft's devtools_testutils, which is not on PyPI: live, without recordings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from .helpers import is_live as is_live
from .helpers import is_live_and_not_recording as is_live_and_not_recording


class AzureRecordedTestCase:
    """The base class of Microsoft's test classes."""

    is_live = True
    in_recording = False
    is_playback = False

    def create_random_name(self, name: str) -> str:
        return name + uuid.uuid4().hex[:10]

    get_resource_name = create_random_name


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Sanitizers and matchers of recordings."""


def __getattr__(name: str) -> Callable[..., None]:
    if name.startswith(("add_", "set_", "remove_")):
        return _do_nothing
    raise AttributeError(name)
