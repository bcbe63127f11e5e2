"""A prod environment with a champion, for each module that needs one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.prods import Prod


@pytest.fixture(scope="module")
def prod(request, tmp_path_factory) -> Iterator[Prod]:
    """The module's ``KINDS`` names more models to deploy."""
    root = tmp_path_factory.mktemp("prod") / "project"
    with Prod(root, *getattr(request.module, "KINDS", ())) as started:
        yield started
