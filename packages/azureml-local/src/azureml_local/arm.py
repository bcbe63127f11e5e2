"""The envelope of Azure Resource Manager, which all resources of the API have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict


class SystemData(TypedDict, total=False):
    """The ``systemData`` of a resource: when it was created and changed, and by whom."""

    createdAt: str
    createdBy: str
    createdByType: str
    lastModifiedAt: str
    lastModifiedBy: str
    lastModifiedByType: str


class Sku(TypedDict, total=False):
    """The size of an online deployment: ``capacity`` is the number of its instances."""

    name: str
    capacity: int


class Identity(TypedDict):
    """The managed identity of a resource."""

    type: str
    principalId: NotRequired[str]
    userAssignedIdentities: NotRequired[dict[str, Mapping[str, str]]]


class ResourceFields(TypedDict):
    """The fields of a resource besides its name; the properties are those of its type."""

    properties: Mapping[str, object] | None
    location: NotRequired[str]
    tags: NotRequired[dict[str, str]]
    identity: NotRequired[Identity]
    sku: NotRequired[Sku]
    systemData: NotRequired[SystemData]


class ArmResource(ResourceFields):
    """A resource as the API shows it."""

    id: str
    name: str
    type: NotRequired[str]


class ErrorDetail(TypedDict):
    """An error of an operation or a job."""

    code: str
    message: str
