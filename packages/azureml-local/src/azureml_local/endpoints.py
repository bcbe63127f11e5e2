"""What online and batch endpoints share: the names, look-up and documents of their deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from azureml_local.errors import BadRequest, NotFound
from azureml_local.state import LOCATION, Workspace
from azureml_local.store import Resource


@dataclass(frozen=True)
class EndpointKind:
    """Online or batch endpoints. A deployment's document is named ``<endpoint>/<deployment>``."""

    endpoints: str
    deployments: str
    title: str

    def endpoint(self, workspace: Workspace, name: str) -> Resource:
        """An endpoint by its name.

        Raises:
            NotFound: it does not exist.
        """
        return workspace.require(self.endpoints, name, self.title)

    def deployment(self, workspace: Workspace, endpoint: str, name: str) -> Resource:
        """A deployment by its endpoint and name.

        Raises:
            NotFound: it does not exist.
        """
        deployment = workspace.documents.get(self.deployments, f"{endpoint}/{name}")
        if deployment is None:
            raise NotFound(
                f"Deployment {name} was not found under {self.title.lower()} {endpoint}."
            )
        return deployment

    def deployments_of(self, workspace: Workspace, endpoint: str) -> list[Resource]:
        """The deployments of an endpoint, oldest first."""
        entries = workspace.documents.entries(self.deployments)
        return [each for each in entries if split_name(each)[0].lower() == endpoint.lower()]

    def require_unique_name(self, workspace: Workspace, name: str) -> None:
        """Refuse a new endpoint whose name another workspace of a strict server uses.

        Names are unique in an Azure region. Source: Azure/mlops-project-template issue 29.

        Raises:
            BadRequest: the name is in use.
        """
        state = workspace.state
        if not state.strict or workspace.documents.get(self.endpoints, name) is not None:
            return
        if any(each.name.lower() == name.lower() for each in state.store.all(self.endpoints)):
            raise BadRequest(
                "There is already an endpoint with this name, Endpoint name needs to be unique "
                "within a region. Try some other name.",
                target="name",
            )

    def document(
        self, workspace: Workspace, resource: Resource, properties: dict[str, Any], **fields: Any
    ) -> dict[str, Any]:
        """An endpoint or a deployment as the API shows it."""
        path = f"{self.endpoints}/{resource.name.replace('/', '/deployments/')}"
        return workspace.document(
            path,
            location=LOCATION,
            tags=resource.body["tags"],
            systemData=resource.system_data,
            properties=properties,
            **fields,
        )


ONLINE = EndpointKind("onlineEndpoints", "onlineDeployments", "Online endpoint")
BATCH = EndpointKind("batchEndpoints", "batchDeployments", "Batch endpoint")


def split_name(deployment: Resource) -> tuple[str, str]:
    """The endpoint's name and the deployment's own."""
    endpoint, _, name = deployment.name.partition("/")
    return endpoint, name
