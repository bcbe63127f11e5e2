"""A deployment never gets another model, also if the name of the model has changed."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from azure.core.exceptions import ResourceNotFoundError
from runbook_cells import run_cell

RUNBOOKS = [("04_deploy_batch", "batch"), ("06_deploy_online", "online")]
WORKSPACE = "/subscriptions/s/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.fixture
def deploy(monkeypatch):
    """Run the cell that deploys; returns what it did with the deployments of the endpoint."""
    loaders = MagicMock()  # the SDK takes seconds to import
    monkeypatch.setitem(sys.modules, "azure.ai.ml", loaders)

    def run(runbook: str, kind: str, served: str | None) -> MagicMock:
        deployments = MagicMock()
        deployments.get.return_value = SimpleNamespace(model=served)
        if served is None:
            deployments.get.side_effect = ResourceNotFoundError()
        names = {f"{kind}_endpoint": "rentals", f"{kind}_instance_count": 1}
        run_cell(
            runbook, "deploy",
            ml_client=SimpleNamespace(**{f"{kind}_deployments": deployments}),
            ResourceNotFoundError=ResourceNotFoundError, HttpResponseError=OSError,
            model_name="renamed", model_version="1", compute="cpu", batch_mini_batch_size=10,
            online_instance_type="small", online_ready_seconds=1, scoring_notebook="", **names,
        )  # fmt: skip
        return deployments

    return run


@pytest.mark.parametrize(("runbook", "kind"), RUNBOOKS)
def test_a_deployment_of_another_model_is_not_replaced(deploy, runbook, kind):
    with pytest.raises(ValueError, match=rf"rentals .*model-1 .*/models/older/.*{kind}_endpoint"):
        deploy(runbook, kind, f"{WORKSPACE}/models/older/versions/1")


@pytest.mark.parametrize("served", [None, f"{WORKSPACE}/models/renamed/versions/1"])
@pytest.mark.parametrize(("runbook", "kind"), RUNBOOKS)
def test_a_deployment_of_the_model_is_created_or_updated(deploy, runbook, kind, served):
    deploy(runbook, kind, served).begin_create_or_update.assert_called_once()
