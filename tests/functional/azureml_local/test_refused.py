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


def registries(ml):
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    MLClient(DefaultAzureCredential(), registry_name="shared").models.get("m", "1")


def sharing(ml):
    ml.models.share("m", "1", share_with_name="m", share_with_version="1", registry_name="shared")


@pytest.mark.parametrize(
    ("asks", "operation"),
    [
        (serverless, "Serverless endpoints"),
        (feature_sets, "Feature sets"),
        (registries, "Registries"),
        (sharing, "Registries"),
    ],
)
def test_refused_by_name(ml, asks, operation):
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(
        HttpResponseError, match=f"{operation}: azureml-local does not have it"
    ) as e:
        asks(ml)
    assert e.value.status_code == 501
