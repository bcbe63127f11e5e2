"""What every service shares: the store, the folders, the addresses, the workspace that is meant."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from azureml_local.errors import BadRequest, NotFound, NotSupported
from azureml_local.store import Resource, Store

ARTIFACTS = "workspaceartifactstore"
FILES = "workspaceblobstore"
LOCATION = "local"
REGISTRIES = "registries"
AZURES_OWN = re.compile(r"azureml(-.*)?", re.IGNORECASE)
"""Registries that Microsoft keeps."""
BLOB_HOST = ".blob.core.windows.net/"
FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
LONGEST_PART = 240
"""Of a name on disk, in bytes; a name beside it is a little longer while it is written."""


@dataclass(frozen=True)
class Workspace:
    """One workspace. ``key`` names it in the store and in the blob account of its own."""

    subscription: str
    group: str
    name: str
    key: str
    id: str
    containers: dict[str, str]
    registry: bool = False
    """Whether it is a registry: a store of assets, which many workspaces use."""

    @property
    def path(self) -> str:
        """Its resource id: the path under which everything of it is addressed."""
        if self.registry:
            return f"azureml://registries/{self.name}"
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


class State:
    """The server's state; one object, made at the start."""

    def __init__(self, data: Path, url: str, *, strict: bool = False) -> None:
        """Open the data folder.

        Args:
            data: the folder; made when missing.
            url: the server's own address, without a slash at the end.
            strict: whether workspaces and compute must be created before they are used.
        """
        self.strict = strict
        self.data = data
        self.url = url
        self.store = Store(data / "store.sqlite3")
        self.secret = self._kept("secret", lambda: secrets.token_urlsafe(32))
        self.sockets = self._sockets()
        self.on_workspace_used: Callable[[Workspace], None] = lambda workspace: None
        self.before_workspace_delete: Callable[[Workspace], Awaitable[None]] = _nothing
        self.tasks: set[asyncio.Task[None]] = set()

    def _sockets(self) -> Path:
        """A folder for sockets: their paths may have 107 characters at most."""
        note = self.data / "sockets"
        if note.is_file():  # of a server that was killed
            shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="azureml-local-"))
        note.write_text(str(folder), encoding="utf-8")
        return folder

    def _kept(self, name: str, make: Any) -> str:
        """A value that is made once for a data folder."""
        value = self.store.setting(name)
        if value is None:
            value = make()
            self.store.set_setting(name, value)
        return str(value)

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the answers; the task is kept until it is done."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def workspace(self, request: Request) -> Workspace:
        """The workspace or registry that a request's path names; made when it is first used."""
        found = request.path_params
        if "registry" in found:
            return self.registry(found["registry"])
        return self.workspace_by_name(found["subscription"], found["group"], found["workspace"])

    def workspace_by_name(self, subscription: str, group: str, name: str) -> Workspace:
        """A workspace by its names, made when it is first used.

        Raises:
            NotFound: it was not created, and the server is strict about that.
        """
        key = workspace_key(subscription, group, name)
        resource = self.store.get("", "workspaces", key)
        if resource is None:
            if self.strict:
                raise NotFound(
                    f"The Resource 'Microsoft.MachineLearningServices/workspaces/{name}' under "
                    f"resource group '{group}' was not found."
                )
            return self.create_workspace(subscription, group, name, {})
        found = _workspace(resource)
        self.on_workspace_used(found)
        return found

    def create_workspace(
        self, subscription: str, group: str, name: str, about: dict[str, Any]
    ) -> Workspace:
        """Make a workspace; ``about`` holds its tags, description and display name."""
        identifier = str(uuid.uuid4())
        resource = self.store.put(
            "",
            "workspaces",
            workspace_key(subscription, group, name),
            "",
            {
                **about,
                "subscription": subscription,
                "group": group,
                "name": name,
                "id": identifier,
                # The SDK splits addresses at the container's name, so it must occur only once.
                "containers": {
                    FILES: f"azureml-blobstore-{identifier}",
                    ARTIFACTS: f"azureml-artifacts-{identifier}",
                },
            },
        )
        found = _workspace(resource)
        self.on_workspace_used(found)
        return found

    def workspaces(self) -> list[Workspace]:
        """All workspaces, oldest first."""
        return [_workspace(resource) for resource in self.store.entries("", "workspaces")]

    def registry(self, name: str) -> Workspace:
        """A registry by its name, made when it is first used.

        Raises:
            NotFound: it was not created, and the server is strict about that.
            NotSupported: it is Microsoft's own.
        """
        found = self.find_registry(name)
        if found is not None:
            return found
        if AZURES_OWN.fullmatch(name):
            raise NotSupported(f"registry {name} is Microsoft's own; its assets are not here")
        if self.strict:
            raise NotFound(f"Registry {name} was not found.", "UserError")
        return self.create_registry(name, "registries", "registries", {})

    def find_registry(self, name: str) -> Workspace | None:
        """A registry by its name, where there is one."""
        resource = self.store.get("", REGISTRIES, registry_key(name))
        return None if resource is None else _workspace(resource)

    def create_registry(
        self, name: str, subscription: str, group: str, about: dict[str, Any]
    ) -> Workspace:
        """Make a registry, or change what is said ``about`` one."""
        key = registry_key(name)
        with self.store.transaction():
            old = self.store.get("", REGISTRIES, key)
            made = {
                "subscription": subscription,
                "group": group,
                "name": name,
                "id": str(uuid.uuid4()),
                "containers": {},
                "registry": True,
            }
            kept = {**(old.body if old else made), "about": about}
            return _workspace(self.store.put("", REGISTRIES, key, "", kept))

    def workspace_by_key(self, key: str) -> Workspace:
        """The workspace or registry of that key.

        Raises:
            NotFound: there is none.
        """
        resource = self.store.get("", "workspaces", key) or self.store.get("", REGISTRIES, key)
        if resource is None:
            raise NotFound(f"no workspace has the storage account {key}", "AccountNotFound")
        return _workspace(resource)

    def container(self, workspace: Workspace, datastore: str) -> Path:
        """The folder that holds a datastore's blobs.

        Raises:
            NotFound: there is no such datastore.
        """
        return self.data / "blobs" / workspace.key / self.container_name(workspace, datastore)

    def container_name(self, workspace: Workspace, datastore: str) -> str:
        """The container of a datastore.

        Raises:
            NotFound: there is no such datastore.
        """
        container = workspace.containers.get(datastore.lower())
        if container is None:
            found = self.store.get(workspace.key, "datastores", datastore)
            if found is None:
                raise NotFound(
                    f"No datastore named {datastore} in workspace {workspace.name}.", "UserError"
                )
            container = str(found.body["container"])
        return container

    def local_path(self, workspace: Workspace, uri: str) -> Path:
        """Where the content of an ``azureml://…/datastores/…`` address lies on this machine.

        Raises:
            BadRequest: the address is of another kind, or leads out of the datastore.
        """
        if BLOB_HOST in uri and uri.startswith("https://"):
            return self._uploaded(workspace, uri)
        rest = uri.partition("datastores/")[2]
        datastore, _, path = rest.partition("/")
        path = path.removeprefix("paths/")
        if not uri.startswith("azureml://") or not datastore or not path:
            raise BadRequest(f"{uri} is no address in a datastore of this workspace")
        return inside(self.container(workspace, datastore), path)

    def _uploaded(self, workspace: Workspace, uri: str) -> Path:
        """Where a blob lies by its address: in the workspace's own account, or a registry's."""
        host, _, rest = uri.partition("?")[0].partition(BLOB_HOST)
        container, _, path = rest.partition("/")
        key = host.rpartition("/")[2]
        known = key == workspace.key or self.store.get("", REGISTRIES, key) is not None
        if not known or not container:
            raise BadRequest(f"{uri} is no address in the storage of this workspace")
        return inside(self.data / "blobs" / key, f"{container}/{unquote(path)}")

    def datastore_uri(self, workspace: Workspace, datastore: str, path: str) -> str:
        """The address of a path in a datastore, in the form that names the workspace too."""
        return (
            f"azureml://subscriptions/{workspace.subscription}/resourcegroups/{workspace.group}"
            f"/workspaces/{workspace.name}/datastores/{datastore}/paths/{path}"
        )


async def _nothing(workspace: Workspace) -> None:
    """What is done before a workspace is deleted, until the server says what."""


def workspace_key(subscription: str, group: str, name: str) -> str:
    """What stands for a workspace in the store and in addresses; case does not matter."""
    words = f"{subscription}/{group}/{name}".lower()
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]


def registry_key(name: str) -> str:
    """What stands for a registry: its name alone, which nobody else has."""
    return workspace_key("", REGISTRIES, name)


def inside(folder: Path, path: str) -> Path:
    """``folder/path``, which must stay inside.

    Raises:
        BadRequest: it does not.
    """
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or FORBIDDEN.search(part) for part in parts):
        raise BadRequest(f"{path!r} leads out of its container", "InvalidUri")
    if any(len(part.encode()) > LONGEST_PART for part in parts):
        raise BadRequest(f"a part of {path!r} is longer than {LONGEST_PART} bytes", "InvalidUri")
    target = folder.joinpath(*parts)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise BadRequest(f"{path!r} leads out of its container", "InvalidUri")
    return target


def _number(text: str) -> float:
    """A number that JSON has: it knows neither infinity nor what is no number.

    Raises:
        ValueError: it is one of those.
    """
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text} is no number of JSON")
    return found


async def json_of(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        BadRequest: the body is something else.
    """
    content = await request.body()
    try:
        body = json.loads(content, parse_float=_number, parse_constant=_number)
        if b"\\u" in content:
            json.dumps(body, ensure_ascii=False).encode()  # half a character can be kept nowhere
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request's body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest("the request's body is no JSON object")
    return body


def object_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that is a JSON object; empty where it is missing or null. Nulls in it are left out.

    Raises:
        BadRequest: it is something else.
    """
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadRequest(f"{name} must be an object, not {found!r}", target=name)
    return {key: value for key, value in found.items() if value is not None}


def text_of(body: dict[str, Any], name: str, default: str = "") -> str:
    """A field that is a text.

    Raises:
        BadRequest: it is something else.
    """
    found = body.get(name)
    if found is None:
        return default
    if not isinstance(found, str):
        raise BadRequest(f"{name} must be a text, not {found!r}", target=name)
    return found


def _workspace(resource: Resource) -> Workspace:
    body = resource.body
    return Workspace(
        body["subscription"],
        body["group"],
        body["name"],
        resource.name,
        body["id"],
        body["containers"],
        body.get("registry", False),
    )
