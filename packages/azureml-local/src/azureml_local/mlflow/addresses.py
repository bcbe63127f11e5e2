"""The two tracking addresses of a workspace: for azureml-mlflow, and for MLflow alone."""

from __future__ import annotations

from azureml_local.state import State, Workspace

PLAIN = "plain"


def plain(state: State, workspace: Workspace) -> str:
    """The tracking address for MLflow alone.

    Its path is another one because azureml-mlflow and the SDK turn ``v1.0`` into ``v2.0`` even in
    an https address, and what is sent to either has to be told apart.
    """
    return f"{state.url}/mlflow/{PLAIN}{workspace.path}"


def azureml(state: State, workspace: Workspace, api: str = "v1.0") -> str:
    """The tracking address for azureml-mlflow."""
    return f"azureml://{state.url.removeprefix('https://')}/mlflow/{api}{workspace.path}"
