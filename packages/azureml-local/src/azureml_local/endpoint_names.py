"""Names of endpoints: unique in an Azure region, here among the workspaces of a strict server."""

from __future__ import annotations

from azureml_local.errors import BadRequest
from azureml_local.state import Workspace


def require_unique_name(workspace: Workspace, kind: str, name: str) -> None:
    """Refuse a new endpoint whose name another workspace of a strict server uses.

    Source: Azure/mlops-project-template issue 29.

    Raises:
        BadRequest: the name is in use.
    """
    if not workspace.state.strict or workspace.documents.get(kind, name) is not None:
        return
    if any(each.name.lower() == name.lower() for each in workspace.state.store.all(kind)):
        raise BadRequest(
            "There is already an endpoint with this name, Endpoint name needs to be unique within "
            "a region. Try some other name.",
            target="name",
        )
