"""The tracking server of notebooks in a JupyterLab with a local workspace behind it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nbrelease.lab.tracking import find_tracking_uri

ROOT = Path(__file__).parents[3]
LOCAL = {"ARM_CLOUD_METADATA_URL": "https://localhost:4711/metadata/endpoints"}


@pytest.fixture
def project(tmp_path) -> Path:
    shutil.copy(ROOT / "settings.ini", tmp_path)
    shutil.copytree(ROOT / "exported" / "train", tmp_path / "exported" / "train")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def test_notebooks_log_to_the_local_workspace(project):
    uri = find_tracking_uri(project / "notebooks", LOCAL)
    assert uri.startswith("azureml://localhost:4711/mlflow/v1.0/subscriptions/00000000-")
    assert uri.endswith("/Microsoft.MachineLearningServices/workspaces/dev")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {**LOCAL, "MLFLOW_TRACKING_URI": "sqlite:///x.db"},
        {"ARM_CLOUD_METADATA_URL": "https://management.azure.com/metadata/endpoints"},
    ],
)
def test_another_tracking_server_is_not_replaced(project, variables):
    assert find_tracking_uri(project, variables) == ""


def test_outside_a_project_and_on_azure_nothing_is_set(project, tmp_path_factory):
    assert find_tracking_uri(tmp_path_factory.mktemp("empty"), LOCAL) == ""
    text = (project / "settings.ini").read_text("utf-8")
    azure = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"
    (project / "settings.ini").write_text(text.replace("workspace = local", azure), "utf-8")
    assert find_tracking_uri(project, LOCAL) == ""
