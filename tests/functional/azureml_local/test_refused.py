"""What the local workspace has not is said by name, with 501, to the unmodified SDK."""

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
    ("asks", "operation"),
    [
        (serverless, "Serverless endpoints"),
        (feature_sets, "Feature sets"),
    ],
)
def test_refused_by_name(ml, asks, operation):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(
        HttpResponseError, match=f"{operation}: azureml-local does not have it"
    ) as e:
        asks(ml)
    assert e.value.status_code == 501
