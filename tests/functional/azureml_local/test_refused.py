"""Unsupported operations are refused with 501 and their name."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def ml(client):
    return client("refused")


def serverless(ml):
    list(ml.serverless_endpoints.list())


def feature_sets(ml):
    ml.feature_sets.get("clicks", "1")


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (serverless, "Serverless endpoints"),
        (feature_sets, "Feature sets"),
    ],
)
def test_refused_by_name(ml, call, operation):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match=operation) as caught:
        call(ml)
    assert (caught.value.status_code, caught.value.error.code) == (501, "NotSupportedLocally")
