"""The champion is the model that the endpoint serves, whatever settings.ini names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from runbook_cells import RUNBOOKS, run_cell

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices"
SERVED = f"{WORKSPACE}/workspaces/w/models/older-name/versions/7"


def workspace(**tags: str) -> Any:
    """A client of a workspace whose endpoint serves version 7 of another model."""

    def get_model(name: str, version: str) -> SimpleNamespace:
        assert (name, version) == ("older-name", "7")
        return SimpleNamespace(name=name, version=version, tags=tags)

    return SimpleNamespace(
        online_endpoints=SimpleNamespace(
            get=lambda name: SimpleNamespace(traffic={"model-7": 90, "model-8": 10})
        ),
        online_deployments=SimpleNamespace(get=lambda *_: SimpleNamespace(model=SERVED)),
        models=SimpleNamespace(get=get_model, download=MagicMock()),
        jobs=MagicMock(),
    )


def test_the_model_that_the_endpoint_serves_is_the_champion():
    names = run_cell(
        "02_train", "champion",
        ml_client=workspace(environment="train:3"), online_endpoint="online",
        environment_name="train", environment_version="3", model_name="new-name",
    )  # fmt: skip
    assert (names["champion"].name, names["champion"].version) == ("older-name", "7")
    assert names["same_environment"] is True


def test_drift_is_not_measured_without_the_job_of_the_champion(capsys):
    client = workspace()
    names = run_cell(
        "02_train", "drift",
        ml_client=client, champion=client.models.get("older-name", "7"), not_measured={},
        evaluation=SimpleNamespace(overlap=0, rows=2, train_rows=4), data_profile={},
    )  # fmt: skip
    assert names["drift"] is names["profile"].drift is None
    assert "older-name:7" in names["not_measured"]["drift"]
    client.jobs.download.assert_not_called()


def test_the_promoted_model_is_the_one_that_the_other_environment_serves(monkeypatch, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("x: 1\n")
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    names = run_cell(
        "02_train", "promoted",
        MLClient=lambda *_: workspace(release="dev-1"), credential=None, promotion="model",
        from_subscription_id="s", from_resource_group="g", from_workspace_name="dev",
        from_online_endpoint="online", from_model_name="new-name",
    )  # fmt: skip
    promoted = names["promoted"]
    assert (promoted["model"], promoted["version"], promoted["release"]) == (
        "older-name", "7", "dev-1",
    )  # fmt: skip


def test_the_monitor_needs_a_model_that_was_registered_by_a_release():
    names = run_cell(
        "11_monitor",
        "live",
        ml_client=workspace(job="job-1"),
        online_endpoint="online",
        model_name="new-name",
    )
    assert (names["model_name"], names["model_version"]) == ("older-name", "7")
    with pytest.raises(AssertionError, match="older-name:7"):
        run_cell("11_monitor", "live", ml_client=workspace(), online_endpoint="online")


def test_a_rollback_to_a_model_of_another_origin_skips_the_test_of_predictions(capsys, monkeypatch):
    monkeypatch.chdir(RUNBOOKS)
    client = workspace()
    plan = SimpleNamespace(needed=True, target="model-7")
    run_cell("09_rollback", "test-answers", ml_client=client, plan=plan, online_endpoint="online")
    assert "older-name:7" in capsys.readouterr().out
    client.jobs.download.assert_not_called()
