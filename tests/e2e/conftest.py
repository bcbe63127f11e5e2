"""A prod with a champion for each module that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.prods import Prod


@pytest.fixture(scope="module")
def prod(request, tmp_path_factory) -> Iterator[Prod]:
    """The module's ``KINDS`` names models that are deployed beside the champion."""
    root = tmp_path_factory.mktemp("prod") / "project"
    with Prod(root, *getattr(request.module, "KINDS", ())) as found:
        yield found
