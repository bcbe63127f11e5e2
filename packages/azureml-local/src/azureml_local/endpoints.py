"""Online and batch endpoints and their deployments: their documents in the store and in the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypedDict, TypeVar, Unpack

from starlette.requests import Request

from azureml_local.arm import ArmResource, Identity, Sku
from azureml_local.documents.endpoints import (
    DeploymentDocument,
    DeploymentProperties,
    EndpointDocument,
    EndpointProperties,
    FileNames,
    TaggedDocument,
)
from azureml_local.errors import BadRequest, Conflict, NotFound
from azureml_local.json_fields import JsonObject, object_of, texts_of
from azureml_local.state import LOCATION, Workspace
from azureml_local.store import Kind, Resource

NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]\Z")
Tagged = TypeVar("Tagged", bound=TaggedDocument)


class ShownFields(TypedDict, total=False):
    """The fields of an endpoint or deployment in the API that only one of them has."""

    identity: Identity
    sku: Sku


@dataclass(frozen=True)
class EndpointKind:
    """Online or batch endpoints. A deployment's document is named ``<endpoint>/<deployment>``."""

    endpoints: Kind[EndpointDocument]
    deployments: Kind[DeploymentDocument]
    title: str

    def get(self, workspace: Workspace, name: str) -> Endpoint | None:
        """An endpoint by its name; None if it does not exist."""
        resource = workspace.documents.get(self.endpoints, name)
        return None if resource is None else Endpoint(self, workspace, resource)

    def find(self, workspace: Workspace, name: str) -> Endpoint:
        """An endpoint by its name.

        Raises:
            NotFound: it does not exist.
        """
        return Endpoint(self, workspace, workspace.require(self.endpoints, name, self.title))

    def all_in(self, workspace: Workspace) -> list[Endpoint]:
        """The endpoints of a workspace, oldest first."""
        entries = workspace.documents.entries(self.endpoints)
        return [Endpoint(self, workspace, each) for each in entries]

    def deployment(self, workspace: Workspace, endpoint: str, name: str) -> Deployment | None:
        """A deployment by its endpoint and name; None if it does not exist."""
        resource = workspace.documents.get(self.deployments, f"{endpoint}/{name}")
        return None if resource is None else Deployment(self, workspace, resource)

    def require_deployment(self, workspace: Workspace, endpoint: str, name: str) -> Deployment:
        """A deployment by its endpoint and name.

        Raises:
            NotFound: it does not exist.
        """
        deployment = self.deployment(workspace, endpoint, name)
        if deployment is None:
            raise NotFound(
                f"Deployment {name} was not found under {self.title.lower()} {endpoint}."
            )
        return deployment

    def deployments_in(self, workspace: Workspace, endpoint: str | None = None) -> list[Deployment]:
        """The deployments of an endpoint, or of all endpoints; oldest first."""
        entries = workspace.documents.entries(self.deployments)
        deployments = [Deployment(self, workspace, each) for each in entries]
        if endpoint is None:
            return deployments
        return [each for each in deployments if each.endpoint_name.lower() == endpoint.lower()]

    def put(self, workspace: Workspace, name: str, body: EndpointDocument) -> Endpoint:
        """Create or replace an endpoint."""
        return Endpoint(self, workspace, workspace.documents.put(self.endpoints, name, body))

    def put_deployment(
        self, workspace: Workspace, endpoint: str, name: str, body: DeploymentDocument
    ) -> Deployment:
        """Create or replace a deployment."""
        resource = workspace.documents.put(self.deployments, f"{endpoint}/{name}", body)
        return Deployment(self, workspace, resource)

    def require_unique_name(self, workspace: Workspace, name: str) -> None:
        """Refuse a new endpoint whose name another workspace of a strict server uses.

        Names are unique in an Azure region. Source: Azure/mlops-project-template issue 29.

        Raises:
            BadRequest: the name is in use.
        """
        state = workspace.state
        if not state.strict or self.get(workspace, name) is not None:
            return
        if any(each.name.lower() == name.lower() for each in state.store.all(self.endpoints)):
            raise BadRequest(
                "There is already an endpoint with this name, Endpoint name needs to be unique "
                "within a region. Try some other name.",
                target="name",
            )


ONLINE = EndpointKind(Kind("onlineEndpoints"), Kind("onlineDeployments"), "Online endpoint")
BATCH = EndpointKind(Kind("batchEndpoints"), Kind("batchDeployments"), "Batch endpoint")


@dataclass(frozen=True)
class _Document(Generic[Tagged]):
    """The document of an endpoint or a deployment."""

    kind: EndpointKind
    workspace: Workspace
    resource: Resource[Tagged]

    @property
    def name(self) -> str:
        """Its name in the store."""
        return self.resource.name

    @property
    def body(self) -> Tagged:
        """Its fields in the store."""
        return self.resource.body

    @property
    def path(self) -> str:
        """Its path below the workspace, with the names of the API."""
        return f"{self.kind.endpoints}/{self.name.replace('/', '/deployments/')}"

    def show(self, properties: Mapping[str, object], **fields: Unpack[ShownFields]) -> ArmResource:
        """It as the API shows it."""
        return self.workspace.document(
            self.path,
            location=LOCATION,
            tags=self.body["tags"],
            systemData=self.resource.system_data,
            properties={"properties": {}, **properties},
            **fields,
        )


@dataclass(frozen=True)
class Endpoint(_Document[EndpointDocument]):
    """An endpoint, as it was read from the store."""

    @property
    def properties(self) -> EndpointProperties:
        """Its properties as the API has them."""
        return self.body["properties"]

    @property
    def keys(self) -> dict[str, str]:
        """The primary and the secondary key of an online endpoint."""
        return self.body["keys"]

    def deployments(self) -> list[Deployment]:
        """Its deployments, oldest first."""
        return self.kind.deployments_in(self.workspace, self.name)

    def require_unchanged(self, deployment: str, old: Deployment | None) -> None:
        """Refuse to write a deployment if another request has changed it since it was read.

        Args:
            deployment: its name in the endpoint.
            old: the deployment as it was read; None if it did not exist.

        Raises:
            Conflict: it was changed, created or deleted, or the endpoint was deleted.
        """
        now = self.kind.get(self.workspace, self.name)
        if now is None or now.resource.serial != self.resource.serial:
            raise Conflict(f"{self.kind.title} {self.name} was deleted during this request")
        if self.kind.deployment(self.workspace, self.name, deployment) != old:
            raise Conflict(
                f"deployment {self.name}/{deployment} was changed by another request; wait until "
                "it is done, and repeat the command"
            )

    def shares(self, deployment: str) -> tuple[int, int]:
        """A deployment's percentages of the live and of the mirrored traffic."""
        maps = (self.properties.get("traffic") or {}, self.properties.get("mirrorTraffic") or {})
        live, mirror = (
            {key.lower(): int(value) for key, value in shares.items()}.get(deployment.lower(), 0)
            for shares in maps
        )
        return live, mirror


@dataclass(frozen=True)
class Deployment(_Document[DeploymentDocument]):
    """A deployment, as it was read from the store."""

    @property
    def endpoint_name(self) -> str:
        """The name of its endpoint."""
        return self.name.partition("/")[0]

    @property
    def own_name(self) -> str:
        """Its name in the endpoint."""
        return self.name.partition("/")[2]

    @property
    def key(self) -> str:
        """Its key among the deployments of all workspaces."""
        return f"{self.workspace.key}/{self.name}".lower()

    @property
    def properties(self) -> DeploymentProperties:
        """Its properties as the API has them."""
        return self.body["properties"]

    @property
    def folder(self) -> Path:
        """The folder with the copies of its model and code."""
        return self.workspace.state.data / self.body["folder"]

    @property
    def files(self) -> FileNames:
        """The paths of its model, code and script below its folder."""
        return self.body.get("files") or {}

    @property
    def previous(self) -> Deployment | None:
        """The version that was served before the update that runs or failed; else None."""
        body = self.body.get("before")
        return replace(self, resource=replace(self.resource, body=body)) if body else None

    def reread(self) -> Resource[DeploymentDocument] | None:
        """Its current document; None if it was deleted, also if it was created again since."""
        now = self.workspace.documents.get(self.kind.deployments, self.name)
        return now if now is not None and now.serial == self.resource.serial else None

    def delete(self) -> None:
        """Delete its document."""
        self.workspace.documents.delete(self.kind.deployments, self.name)


def read_properties(
    request: Request, body: JsonObject, old: Endpoint | Deployment | None
) -> Mapping[str, object]:
    """The properties in a request; those that a PATCH does not set stay as they are.

    Raises:
        NotFound: it is a PATCH of an endpoint or deployment that does not exist.
    """
    properties = object_of(body, "properties")
    if request.method != "PATCH":
        return properties
    if old is None:
        raise NotFound(f"{request.url.path} was not found; create it with PUT")
    return {**old.properties, **properties}


def read_tags(body: JsonObject, old: Endpoint | Deployment | None) -> dict[str, str]:
    """The tags in a request; without them, the old ones."""
    if old and "tags" not in body:
        return old.body["tags"]
    return texts_of(body, "tags")


def validate_name(what: str, name: str) -> str:
    """Check the name of an endpoint or deployment by Azure's rule, for online and batch.

    Source: the limits of endpoints in Azure's documentation, "Manage and increase quotas".

    Raises:
        BadRequest: it is not valid.
    """
    if not NAME.match(name):
        raise BadRequest(
            f"{what} name {name!r} is not valid: use 3 to 32 letters, digits and '-'; begin with "
            "a letter and do not end with '-'",
            "UserError",
            target="name",
        )
    return name
