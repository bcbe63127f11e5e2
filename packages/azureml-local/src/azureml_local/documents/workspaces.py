"""The documents of workspaces, registries and datastores in the store."""

from __future__ import annotations

from typing import TypedDict

from azureml_local.store import Kind


class WorkspaceSettings(TypedDict, total=False):
    """The settings of a workspace that are stored."""

    tags: dict[str, str]
    description: str
    friendlyName: str
    publicNetworkAccess: str
    imageBuildCompute: str
    applicationInsights: str
    containerRegistry: str
    location: str


class WorkspaceIdentity(TypedDict, total=False):
    """The names of a workspace or registry, and the containers of its built-in datastores."""

    subscription: str
    group: str
    name: str
    id: str
    containers: dict[str, str]


class WorkspaceDocument(WorkspaceIdentity, WorkspaceSettings, total=False):
    """A workspace in the store."""


class SystemAccount(TypedDict, total=False):
    """A storage account that a registry creates."""

    armResourceId: dict[str, str]


class StorageAccountDetails(TypedDict, total=False):
    """The storage of a registry in a region."""

    systemCreatedStorageAccount: SystemAccount


class RegionDetails(TypedDict, total=False):
    """A region of a registry; all regions are this machine."""

    location: str
    storageAccountDetails: list[StorageAccountDetails]


class RegistryProperties(TypedDict, total=False):
    """The properties of a registry that azureml-local reads; it stores and returns all."""

    regionDetails: list[RegionDetails]


class RegistryDescription(TypedDict, total=False):
    """The properties and tags of a registry as its user sent them."""

    properties: RegistryProperties
    tags: dict[str, str]


class RegistryDocument(WorkspaceIdentity, total=False):
    """A registry in the store."""

    registry: bool
    about: RegistryDescription


class DatastoreDocument(TypedDict, total=False):
    """A datastore in the store: the container on Azure, and the local one."""

    type: str
    account: str
    container: str
    container_on_azure: str
    credentials: dict[str, str]
    description: str
    tags: dict[str, str]
    properties: dict[str, str]


WORKSPACES = Kind[WorkspaceDocument]("workspaces")
REGISTRIES = Kind[RegistryDocument]("registries")
DATASTORES = Kind[DatastoreDocument]("datastores")
