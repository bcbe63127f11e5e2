"""The state that all services share: store, folders, addresses, and workspaces by request."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import shutil
import tempfile
import traceback
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import unquote

from starlette.requests import Request

from azureml_local.arm import ArmResource, ResourceFields
from azureml_local.documents.workspaces import (
    DATASTORES,
    REGISTRIES,
    WORKSPACES,
    RegistryDescription,
    RegistryDocument,
    WorkspaceDocument,
    WorkspaceSettings,
)
from azureml_local.errors import BadRequest, NotFound, NotSupported
from azureml_local.files import inside
from azureml_local.public_files import PublicFiles
from azureml_local.store import Body, Documents, Kind, Resource, Store

ARTIFACTS = "workspaceartifactstore"
FILES = "workspaceblobstore"
COLLECTED_DATA = "modelDataCollector"
"""The folder of the default datastore to which the data collector of deployments writes."""
LOCATION = "local"
MICROSOFT_REGISTRY = re.compile(r"azureml(-.*)?", re.IGNORECASE)
"""Registries of Microsoft."""
TYPE = "Microsoft.MachineLearningServices/workspaces"
BLOB_HOST = ".blob.core.windows.net/"
DATASTORE_PATH = re.compile(
    r"azureml://(?:subscriptions/.*?/workspaces/[^/]+/)?datastores/([^/]+)/(?:paths/)?(.+)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Workspace:
    """A workspace or a registry: the repository of its documents and files.

    ``key`` is its name in the store and the name of its storage account.
    """

    state: State = field(repr=False, compare=False)
    subscription: str
    group: str
    name: str
    key: str
    id: str
    containers: dict[str, str]
    registry: bool = False
    """Whether it is a registry, whose assets all workspaces can use."""

    @property
    def path(self) -> str:
        """Its resource id, which is the base path of its resources."""
        if self.registry:
            return f"azureml://registries/{self.name.lower()}"
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )

    @cached_property
    def documents(self) -> Documents:
        """Its documents in the store."""
        return Documents(self.state.store, self.key)

    @property
    def blobs(self) -> Path:
        """The folder of its storage account, with one folder for each container."""
        return self.state.data / "blobs" / self.key

    def create_containers(self) -> None:
        """Create the containers of its built-in datastores."""
        for container in self.containers.values():
            (self.blobs / container).mkdir(parents=True, exist_ok=True)

    def require(
        self, kind: Kind[Body], name: str, title: str, code: str | None = None
    ) -> Resource[Body]:
        """A document by its name; ``title`` names its kind in the error.

        Raises:
            NotFound: it does not exist.
        """
        resource = self.documents.get(kind, name)
        if resource is None:
            raise NotFound(f"{title} {name} was not found in workspace {self.name}.", code)
        return resource

    def document(self, path: str, **fields: Unpack[ResourceFields]) -> ArmResource:
        """A resource as the API shows it, by its path below the workspace: ``jobs/name``."""
        parts = path.split("/")
        return {
            "id": f"{self.path}/{path}",
            "name": parts[-1],
            "type": "/".join([TYPE, *parts[::2]]),
            **fields,
        }

    def container(self, datastore: str) -> Path:
        """The folder of a datastore's blobs.

        Raises:
            NotFound: the datastore does not exist.
        """
        return self.blobs / self.container_name(datastore)

    def container_name(self, datastore: str) -> str:
        """The container of a datastore.

        Raises:
            NotFound: the datastore does not exist.
        """
        container = self.containers.get(datastore.lower())
        if container is None:
            resource = self.documents.get(DATASTORES, datastore)
            if resource is None:
                raise NotFound(
                    f"No datastore named {datastore} in workspace {self.name}.", "UserError"
                )
            container = resource.body["container"]
        return container

    def local_path(self, uri: str) -> Path:
        """The local path of an ``azureml://.../datastores/...`` address.

        Raises:
            BadRequest: it is another kind of address, or outside of the datastore.
        """
        if BLOB_HOST in uri and uri.startswith("https://"):
            return self._find_blob(uri)
        match = DATASTORE_PATH.fullmatch(uri)
        if match is None:
            raise BadRequest(f"{uri} is not in a datastore of this workspace")
        return inside(self.container(match[1]), match[2])

    def _find_blob(self, uri: str) -> Path:
        """The local path of a blob by its address, in the workspace's account or a registry's."""
        host, _, rest = uri.partition("?")[0].partition(BLOB_HOST)
        container, _, path = rest.partition("/")
        key = host.rpartition("/")[2]
        known = key == self.key or self.state.store.get("", REGISTRIES, key) is not None
        if not known or not container:
            raise BadRequest(f"{uri} is not in the storage of this workspace")
        return inside(self.state.data / "blobs" / key, f"{container}/{unquote(path)}")

    def datastore_uri(self, datastore: str, path: str) -> str:
        """The address of a path in a datastore, in the long form with the workspace's name."""
        return (
            f"azureml://subscriptions/{self.subscription}/resourcegroups/{self.group}"
            f"/workspaces/{self.name}/datastores/{datastore}/paths/{path}"
        )


class State:
    """The server's state."""

    def __init__(
        self,
        data: Path,
        url: str,
        *,
        strict: bool = False,
        public_files: PublicFiles | None = None,
        azureml_tracking: bool = False,
    ) -> None:
        """Open the data folder.

        Args:
            data: the folder; created if missing.
            url: the server's address, without a trailing slash.
            strict: whether workspaces and compute must be created before they are used.
            public_files: the public addresses that jobs can use; None: no address.
            azureml_tracking: whether a workspace's tracking URI is that for azureml-mlflow.
        """
        self.strict = strict
        self.azureml_tracking = azureml_tracking
        self.public_files = public_files or PublicFiles(data / "downloads")
        self.data = data
        self.url = url
        self.store = Store(data / "store.sqlite3")
        self.secret = self.store.setting("secret") or secrets.token_urlsafe(32)
        self.store.set_setting("secret", self.secret)
        self.on_model_stored: Callable[[], None] = lambda: None
        self.on_environment_registered: Callable[[], None] = lambda: None
        self.on_workspace_used: Callable[[Workspace], None] = lambda workspace: None
        self.on_compute_changed: Callable[[Workspace, str], None] = lambda workspace, name: None
        self.before_workspace_delete: Callable[[Workspace], Awaitable[None]] = _do_nothing
        self.tasks: set[asyncio.Task[None]] = set()

    @cached_property
    def sockets(self) -> Path:
        """The folder for sockets, whose paths can have at most 107 characters."""
        self.remove_sockets()  # the previous server may have been killed
        folder = Path(tempfile.mkdtemp(prefix="azureml-local-"))
        self._sockets_note.write_text(str(folder), encoding="utf-8")
        return folder

    @property
    def _sockets_note(self) -> Path:
        return self.data / "sockets"

    def remove_sockets(self) -> None:
        """Remove the folder for sockets, if there is one."""
        if self._sockets_note.is_file():
            shutil.rmtree(self._sockets_note.read_text(encoding="utf-8"), ignore_errors=True)
            self._sockets_note.unlink()

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a background task; a reference is held until it has finished."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        """Print the traceback of a task that has failed to the server's log."""
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)

    def workspace(self, request: Request) -> Workspace:
        """The workspace or registry in a request's path; created on first use."""
        params = request.path_params
        if "registry" in params:
            return self.registry(params["registry"])
        return self.workspace_by_name(params["subscription"], params["group"], params["workspace"])

    def workspace_by_name(self, subscription: str, group: str, name: str) -> Workspace:
        """A workspace by its names; created on first use.

        Raises:
            NotFound: it does not exist, and the server is strict.
        """
        key = workspace_key(subscription, group, name)
        resource = self.store.get("", WORKSPACES, key)
        if resource is None:
            if self.strict:
                raise NotFound(
                    f"The Resource 'Microsoft.MachineLearningServices/workspaces/{name}' under "
                    f"resource group '{group}' was not found."
                )
            return self.create_workspace(subscription, group, name, {})
        workspace = self._workspace(resource)
        self.on_workspace_used(workspace)
        return workspace

    def create_workspace(
        self, subscription: str, group: str, name: str, settings: WorkspaceSettings
    ) -> Workspace:
        """Create a workspace."""
        identifier = str(uuid.uuid4())
        body: WorkspaceDocument = {
            **settings,
            "subscription": subscription,
            "group": group,
            "name": name,
            "id": identifier,
            # The SDK splits addresses at the container's name, so it must occur once.
            "containers": {
                FILES: f"azureml-blobstore-{identifier}",
                ARTIFACTS: f"azureml-artifacts-{identifier}",
            },
        }
        key = workspace_key(subscription, group, name)
        workspace = self._workspace(self.store.put("", WORKSPACES, key, "", body))
        workspace.create_containers()
        self.on_workspace_used(workspace)
        return workspace

    def workspaces(self) -> list[Workspace]:
        """All workspaces, oldest first."""
        return [self._workspace(resource) for resource in self.store.entries("", WORKSPACES)]

    def registry(self, name: str) -> Workspace:
        """A registry by its name; created on first use.

        Raises:
            NotFound: it does not exist, and the server is strict.
            NotSupported: it is a registry of Microsoft.
        """
        registry = self.find_registry(name)
        if registry is not None:
            return registry
        refuse_registry_of_microsoft(name)
        if self.strict:
            raise NotFound(f"Registry {name} was not found.", "UserError")
        return self.create_registry(name, "registries", "registries", {})

    def find_registry(self, name: str) -> Workspace | None:
        """A registry by its name; None if it does not exist."""
        resource = self.store.get("", REGISTRIES, registry_key(name))
        return None if resource is None else self._workspace(resource)

    def create_registry(
        self, name: str, subscription: str, group: str, about: RegistryDescription
    ) -> Workspace:
        """Create a registry, or replace its properties and tags (``about``)."""
        key = registry_key(name)
        with self.store.transaction():
            old = self.store.get("", REGISTRIES, key)
            new: RegistryDocument = {
                "subscription": subscription,
                "group": group,
                "name": name,
                "id": str(uuid.uuid4()),
                "containers": {},
                "registry": True,
            }
            body: RegistryDocument = {**(old.body if old else new), "about": about}
            return self._workspace(self.store.put("", REGISTRIES, key, "", body))

    def workspace_by_key(self, key: str) -> Workspace:
        """The workspace or registry with a key.

        Raises:
            NotFound: it does not exist.
        """
        workspace = self.store.get("", WORKSPACES, key)
        registry = None if workspace else self.store.get("", REGISTRIES, key)
        resource = workspace or registry
        if resource is None:
            raise NotFound(f"Storage account {key} was not found.", "AccountNotFound")
        return self._workspace(resource)

    def _workspace(
        self, resource: Resource[WorkspaceDocument] | Resource[RegistryDocument]
    ) -> Workspace:
        body = resource.body
        return Workspace(
            self,
            body["subscription"],
            body["group"],
            body["name"],
            resource.name,
            body["id"],
            body["containers"],
            resource.kind == REGISTRIES,
        )


def refuse_registry_of_microsoft(name: str) -> None:
    """Refuse a registry of Microsoft, whose assets this machine does not have.

    Raises:
        NotSupported: it is one.
    """
    if MICROSOFT_REGISTRY.fullmatch(name):
        raise NotSupported(f"Registry {name} belongs to Microsoft: not supported by azureml-local")


async def _do_nothing(workspace: Workspace) -> None:
    """The default of ``before_workspace_delete``."""


def workspace_key(subscription: str, group: str, name: str) -> str:
    """The key of a workspace in the store and in addresses; case is ignored."""
    words = f"{subscription}/{group}/{name}".lower()
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]


def registry_key(name: str) -> str:
    """The key of a registry, whose name is unique."""
    return workspace_key("", REGISTRIES, name)
