"""Versioned assets: environments, data, models, components and code.

The same rules hold for all kinds: an existing version is immutable, an automatic version is the
greatest number plus one, and ``latest`` is the version that was created last. The kinds differ in
the fields that are their content, and in their validation.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azureml_local.addresses import blob_endpoint, resolve_job_uri
from azureml_local.arm import ArmResource, SystemData
from azureml_local.assets import components
from azureml_local.assets.models import prepare_model
from azureml_local.documents.assets import (
    CODES,
    COMPONENTS,
    DATA,
    ENVIRONMENTS,
    MODELS,
    AssetContainer,
    AssetKind,
    AssetResource,
    AssetVersion,
    BuildContext,
)
from azureml_local.errors import BadRequest, Conflict, NotFound
from azureml_local.identity import auth
from azureml_local.json_fields import as_document, object_of, text_of, texts_of, with_fields
from azureml_local.state import Workspace, refuse_registry_of_microsoft
from azureml_local.store import USER, Kind, Resource

KINDS = {
    ENVIRONMENTS: "Environment",
    DATA: "Data",
    MODELS: "Model",
    COMPONENTS: "Component",
    CODES: "Code",
}
NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,254}\Z")
DATA_TYPES = ("uri_file", "uri_folder", "mltable")
DEFAULT_VERSION = "azureml_default"
"""The version that the SDK requests for a component without a version: the latest."""
IN_REGISTRY = re.compile(r"azureml://registries/([^/]+)/", re.IGNORECASE)
LABEL = (
    r"/{kind}/(?:azureml:)?([^/]+)/labels/(?:latest|default)$"
    r"|^(?:azureml:)?([^/:@]+)@(?:latest|default)$"
)
SLOW_PACKAGES = re.compile(r"\b(?:mlflow|scikit-learn)\b")
"""Packages whose import takes seconds, in a conda file: jobs that import them will follow."""
# The names under which the SDK registers assets without a name.
ANONYMOUS_NAMES = ("CliV2AnonymousEnvironment", components.ANONYMOUS)
MUTABLE = ("tags", "description", "isArchived", "properties", "stage")
"""The fields of an existing version that may change."""
CONTENT: dict[str, tuple[str, ...]] = {
    ENVIRONMENTS: ("image", "condaFile", "build"),
    DATA: ("dataUri", "dataType"),
    MODELS: ("modelUri", "modelType"),
    COMPONENTS: ("componentSpec",),
    CODES: ("codeUri",),
}


@dataclass(frozen=True)
class Assets:
    """The assets of one kind in a workspace or registry."""

    workspace: Workspace
    kind: AssetKind

    @property
    def containers(self) -> Kind[AssetContainer]:
        """The kind of the documents with the fields of all versions of a name."""
        return Kind[AssetContainer](f"{self.kind}Containers")

    @property
    def title(self) -> str:
        """The kind in messages."""
        return KINDS[self.kind]

    def validate_name(self, text: str, what: str = "name") -> str:
        """Return a name or version if it is valid.

        Raises:
            BadRequest: it is not valid.
        """
        return validate_name(self.title, text, what)

    def names(self) -> list[str]:
        """The names of all assets but the anonymous ones, oldest first."""
        names = dict.fromkeys(each.name for each in self.versions())
        return [name for name in names if name not in ANONYMOUS_NAMES]

    def versions(self, name: str | None = None) -> list[AssetResource]:
        """The versions of a name or of all names, oldest first."""
        return self.workspace.documents.entries(self.kind, name)

    def find(self, name: str, version: str) -> AssetResource:
        """One version of an asset.

        Raises:
            NotFound: it does not exist.
        """
        asset = self.workspace.documents.get(self.kind, name, version)
        if asset is None and version == DEFAULT_VERSION:
            active = [each for each in self.versions(name) if not _is_archived(each)]
            asset = active[-1] if active else None
        if asset is None:
            raise NotFound(
                f"{self.title} {name}:{version} was not found in "
                f"{'registry' if self.workspace.registry else 'workspace'} {self.workspace.name}.",
                "UserError",
            )
        return asset

    def find_by_id(self, reference: str) -> AssetResource:
        """One version by its resource id, or by ``name:version``, also after ``azureml:``.

        Raises:
            BadRequest: the reference is neither.
            NotFound: the version or the registry does not exist.
            NotSupported: it is in a registry of Microsoft.
        """
        assets, kind = self, self.kind
        shared = IN_REGISTRY.match(reference)
        if shared is not None:
            registry = self.workspace.state.find_registry(shared[1])
            if registry is None:
                refuse_registry_of_microsoft(shared[1])
                raise NotFound(f"Registry {shared[1]} was not found.", "UserError")
            assets = Assets(registry, kind)
        newest = re.search(LABEL.format(kind=kind), reference, re.IGNORECASE)
        if newest is not None:
            return assets.find(newest[1] or newest[2], DEFAULT_VERSION)
        pattern = rf"/{kind}/(?:azureml:)?([^/]+)/versions/([^/]+)$"
        match = re.search(pattern, reference, re.IGNORECASE)
        match = match or re.fullmatch(r"(?:azureml:)?([^/:]+):([^/:]+)", reference)
        if match is None:
            raise BadRequest(f"{reference!r} is not the id of a {self.title} version", "UserError")
        return assets.find(match[1], match[2])

    def next_version(self, name: str) -> str:
        """The greatest number among the versions, plus one; for a component, the time."""
        versions = self.versions(name)
        if self.kind == COMPONENTS and versions:
            return components.next_version()
        numbers = [int(each.version) for each in versions if each.version.isdigit()]
        return str(max(numbers, default=0) + 1)

    def register(
        self, name: str, version: str, new_properties: AssetVersion
    ) -> tuple[AssetResource, bool]:
        """Create a version or update its mutable fields; also returns whether it is new.

        Raises:
            BadRequest: a property is not valid.
            Conflict: the version exists with other content.
        """
        texts_of(new_properties, "tags")
        properties = PREPARE[self.kind](self.workspace, new_properties)
        if self.kind == COMPONENTS:
            spec = components.complete_spec(name, properties)
            properties = {**properties, "componentSpec": spec}
            if name == components.ANONYMOUS:
                version = components.content_version(spec)
        documents = self.workspace.documents
        with documents.transaction():
            old = documents.get(self.kind, name, version)
            if old is not None:
                properties = _update_body(old, properties, f"{self.title} {name}:{version}")
            return documents.put(self.kind, name, properties, version), old is None

    def update_container(self, name: str, properties: Mapping[str, object]) -> None:
        """Set the mutable fields that all versions of a name share."""
        texts_of(properties, "tags")
        changes = as_document(AssetContainer, _mutable_fields(properties))
        self.workspace.documents.put(self.containers, name, changes)

    def container(self, name: str) -> Resource[AssetContainer] | None:
        """The document of a name; None if no field of it was ever set."""
        return self.workspace.documents.get(self.containers, name)

    def container_document(self, name: str) -> ArmResource:
        """A name with its latest version as the API shows it.

        Raises:
            NotFound: it does not exist.
        """
        versions, container = self.versions(name), self.container(name)
        if not versions and container is None:
            raise NotFound(f"{self.title} container {name} was not found.", "UserError")
        active = [each for each in versions if not _is_archived(each)] or versions
        latest = active[-1] if active else None
        return self.workspace.document(
            f"{self.kind}/{versions[0].name if versions else name}",
            systemData=_system_data(versions[0], versions[-1]) if versions else {},
            properties={
                "latestVersion": latest.version if latest else None,
                "nextVersion": self.next_version(name),
                "isArchived": False,
                "dataType": latest.body.get("dataType", "uri_file") if latest else "uri_file",
                "properties": {},
                "tags": {},
                **(container.body if container else {}),
            },
        )

    def document(self, asset: AssetResource) -> ArmResource:
        """A version as the API shows it; clients read name and version from the id."""
        body = asset.body
        if self.kind == COMPONENTS:
            identity = {"name": asset.name, "version": asset.version}
            body = with_fields(body, {"componentSpec": {**identity, **body["componentSpec"]}})
        return self.workspace.document(
            f"{self.kind}/{asset.name}/versions/{asset.version}",
            systemData=_system_data(asset, asset),
            properties={
                "provisioningState": "Succeeded",
                "properties": {},
                "tags": {},
                **body,
            },
        )


def create_upload_container(workspace: Workspace) -> tuple[str, str]:
    """Create a container for an asset's files; returns its address and its SAS token.

    Each upload gets a new container, because the SDK does not upload a file whose name exists
    already, whatever its content.
    """
    container = f"code-{uuid.uuid4()}"
    (workspace.blobs / container).mkdir(parents=True)
    uri = f"{blob_endpoint(workspace)}/{container}"
    return uri, auth.sas_token(workspace.state.secret, workspace.key)


def validate_name(title: str, text: str, what: str = "name") -> str:
    """Return a name or version if it is valid.

    Raises:
        BadRequest: it is not valid.
    """
    if not NAME.match(text):
        raise BadRequest(
            f"{title} {what} {text!r} is not valid: it must start with a letter, a digit or '_', "
            "contain only letters, digits, '_', '-' and '.', and have at most 255 characters",
            "UserError",
            target=what,
        )
    return text


def _data(workspace: Workspace, properties: AssetVersion) -> AssetVersion:
    uri, kind = text_of(properties, "dataUri"), text_of(properties, "dataType", "uri_folder")
    if kind not in DATA_TYPES:
        raise BadRequest(
            f"dataType: {kind!r} is unknown; use one of {', '.join(DATA_TYPES)}",
            "UserError",
            target="dataType",
        )
    if not uri:
        raise BadRequest("dataUri: data must have an address", "UserError", target="dataUri")
    uri = resolve_job_uri(workspace, uri)
    if kind != "uri_file" and uri.startswith("azureml://") and not uri.endswith("/"):
        uri += "/"  # as the service returns folders
    return {**properties, "dataUri": uri, "dataType": kind}


def _environment(workspace: Workspace, properties: AssetVersion) -> AssetVersion:
    build = as_document(BuildContext, object_of(properties, "build"))
    if build:
        properties = {**properties, "build": {"dockerfilePath": "Dockerfile", **build}}
    elif not text_of(properties, "image") and not text_of(properties, "condaFile"):
        raise BadRequest("environment: image or build: one of them is required", "UserError")
    if SLOW_PACKAGES.search(text_of(properties, "condaFile")):
        workspace.state.on_environment_registered()
    return {"osType": "Linux", **_as_given(workspace, properties)}


def _as_given(workspace: Workspace, properties: AssetVersion) -> AssetVersion:
    for key in ("image", "condaFile", "codeUri"):
        text_of(properties, key)
    object_of(properties, "properties")
    return properties


PREPARE: dict[str, Callable[[Workspace, AssetVersion], AssetVersion]] = {
    ENVIRONMENTS: _environment,
    DATA: _data,
    MODELS: prepare_model,
    COMPONENTS: _as_given,
    CODES: _as_given,
}


def _system_data(first: AssetResource, last: AssetResource) -> SystemData:
    """The ``systemData`` of a document: when it was created and changed, and by whom."""
    return {
        **first.system_data,
        "lastModifiedBy": USER,
        "lastModifiedByType": "User",
        "lastModifiedAt": last.modified,
    }


def _is_archived(asset: AssetResource) -> bool:
    return bool(asset.body.get("isArchived", False))


def _mutable_fields(properties: Mapping[str, object]) -> dict[str, object]:
    return {key: properties[key] for key in MUTABLE if key in properties}


def _update_body(old: AssetResource, properties: AssetVersion, title: str) -> AssetVersion:
    """The body of an existing version with its mutable fields updated.

    Raises:
        Conflict: another field differs; the SDK then uses the next version.
    """
    is_component = old.kind == COMPONENTS
    for key in CONTENT[old.kind]:
        new, existing = properties.get(key), old.body.get(key)
        if is_component:
            new = components.unchangeable_content(properties["componentSpec"])
            existing = components.unchangeable_content(old.body["componentSpec"])
        if new != existing:
            raise Conflict(
                f"{title} exists with another {key}, and versions cannot be changed; "
                "register a new version",
                "UserError",
                target=key,
            )
    body = with_fields(old.body, _mutable_fields(properties))
    if is_component:
        body["componentSpec"] = properties["componentSpec"]
    return body
